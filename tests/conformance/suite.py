"""Runs every case against one server and prints a line per case, then the sum. Exits 1 when one failed.

usage: suite.py ORIGIN, with ATELIER_KEY and ATELIER_ADMIN_PASSWORD in the environment.
"""

import os
import sys
import time
import traceback

import openai

import cases
import chats
import documented
import edits
import responses
import streams
import videos
import webhooks


def main():
    place = cases.Place(sys.argv[1], os.environ["ATELIER_KEY"], os.environ["ATELIER_ADMIN_PASSWORD"])
    wanted = sys.argv[2:]
    modules = [cases, chats, documented, edits, responses, streams, videos, webhooks]
    if cases.is_3():
        # LangChain takes no older SDK.
        import chains

        modules.append(chains)
    named = [item for module in modules for item in vars(module).items() if item[0].startswith("case_")]
    found = {name.removeprefix("case_"): case for name, case in named}
    assert len(found) == len(named), "two cases have one name"
    chosen = {name: case for name, case in found.items() if not wanted or name in wanted}
    failed = 0
    for name, case in chosen.items():
        began = time.monotonic()
        try:
            case(place)
            outcome = "ok"
        except Exception:  # Whatever a case raises is its failure; the others still run.
            traceback.print_exc(file=sys.stdout)
            outcome = "FAILED"
            failed += 1
        print(f"openai {openai.__version__}: {name} ... {outcome} ({time.monotonic() - began:.2f} s)", flush=True)
    print(f"openai-{openai.__version__}: {len(chosen) - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
