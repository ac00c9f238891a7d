//! Every setting that can be changed while the gateway runs: its name in the configuration, what it means, and what holds between
//! them.

use atelier_domain::secret::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

macro_rules! settings {
    (
        plain { $( $(#[$doc:meta])* $field:ident: $Type:ty = $path:literal, )+ }
        sealed { $( $(#[$sealed_doc:meta])* $sealed:ident = $sealed_path:literal, )+ }
    ) => {
        /// The settings in force.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Values {
            $( $(#[$doc])* pub $field: $Type, )+
            $( $(#[$sealed_doc])* pub $sealed: Secret, )+
        }

        /// What is to be different from what the configuration says. `None` leaves a setting as it is.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct Change {
            $( $(#[$doc])* pub $field: Option<$Type>, )+
            $( $(#[$sealed_doc])* pub $sealed: Option<Secret>, )+
        }

        /// A change as its row keeps it: the sealed values are elsewhere, and only their names are here.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        pub(super) struct Plain {
            $( #[serde(rename = $path, default, skip_serializing_if = "Option::is_none")] $field: Option<$Type>, )+
            #[serde(default)]
            sealed: BTreeSet<String>,
        }

        impl Values {
            /// The names of all settings.
            pub const PATHS: &'static [&'static str] = &[$($path,)+ $($sealed_path,)+];

            /// The names of those that are secrets.
            pub(super) const SEALED: &'static [&'static str] = &[$($sealed_path,)+];
        }

        impl Change {
            /// These values, with what is different.
            pub(super) fn over(&self, base: &Values) -> Values {
                Values {
                    $( $field: self.$field.clone().unwrap_or_else(|| base.$field.clone()), )+
                    $( $sealed: self.$sealed.clone().unwrap_or_else(|| base.$sealed.clone()), )+
                }
            }

            /// Takes another change in, which wins.
            pub(super) fn merge(&mut self, other: Self) {
                $( if other.$field.is_some() { self.$field = other.$field; } )+
                $( if other.$sealed.is_some() { self.$sealed = other.$sealed; } )+
            }

            /// Whether it says something about the setting of this name.
            pub(super) fn has(&self, path: &str) -> bool {
                match path {
                    $( $path => self.$field.is_some(), )+
                    $( $sealed_path => self.$sealed.is_some(), )+
                    _ => false,
                }
            }

            /// Leaves the setting of this name to the configuration.
            pub(super) fn reset(&mut self, path: &str) {
                match path {
                    $( $path => self.$field = None, )+
                    $( $sealed_path => self.$sealed = None, )+
                    _ => {}
                }
            }

            /// The secret of this name, if it is said.
            pub(super) fn sealed(&self, path: &str) -> Option<&Secret> {
                match path {
                    $( $sealed_path => self.$sealed.as_ref(), )+
                    _ => None,
                }
            }

            pub(super) fn plain(&self) -> Plain {
                let sealed = Values::SEALED.iter().filter(|path| self.has(path));
                Plain {
                    $( $field: self.$field.clone(), )+
                    sealed: sealed.map(|path| (*path).to_owned()).collect(),
                }
            }

            /// The change that a row and the secrets of its names are.
            pub(super) fn of<E>(plain: Plain, mut open: impl FnMut(&str) -> Result<Secret, E>) -> Result<Self, E> {
                Ok(Self {
                    $( $field: plain.$field, )+
                    $( $sealed: if plain.sealed.contains($sealed_path) { Some(open($sealed_path)?) } else { None }, )+
                })
            }
        }
    };
}

settings! {
    plain {
        /// Faults in a row that switch an account off.
        error_ban_threshold: u32 = "pool.error_ban_threshold",
        /// Whether the wire of upstreams is logged.
        debug: bool = "debug.enabled",
        /// Whether `proxy_url` is used.
        proxy: bool = "proxy.enabled",
        /// Whether the proxies of the pool are used in turn.
        proxy_pool_enabled: bool = "proxy.pool_enabled",
        /// Whether results without a mark are asked for.
        watermark_free: bool = "watermark_free.watermark_free_enabled",
        /// Whether the operator's own service is asked for them.
        custom_parse: bool = "watermark_free.parse_method",
        /// Where that service is; empty for none.
        custom_parse_url: String = "watermark_free.custom_parse_url",
        /// Whether the clearance service is asked.
        clearance: bool = "cloudflare.enabled",
        /// Where it is; empty for none.
        clearance_url: String = "cloudflare.api_url",
        /// How long an image job may take, in seconds.
        image_timeout_s: u64 = "generation.image_timeout",
        /// How long a video job may take, in seconds.
        video_timeout_s: u64 = "generation.video_timeout",
        /// Whether copies of results are kept that an upstream hosts.
        cache: bool = "cache.enabled",
        /// How long such a copy is kept, in seconds.
        cache_timeout_s: u64 = "cache.timeout",
        /// Start of links to copies; empty for the public address.
        cache_base_url: String = "cache.base_url",
        /// Whether access tokens are renewed before they end.
        refresh_access_tokens: bool = "token_refresh.at_auto_refresh_enabled",
        /// How long the log of requests is kept, in days.
        request_log_days: u64 = "log.requests_days",
    }
    sealed {
        /// The proxy that all accounts without one of their own go out through; empty for none.
        proxy_url = "proxy.url",
        /// The proxies that are used in turn, one a line.
        proxy_pool = "proxy.pool",
        /// What the operator's parse service asks for; empty for nothing.
        custom_parse_token = "watermark_free.custom_parse_token",
    }
}

impl Values {
    /// The proxies of the pool.
    pub fn proxies(&self) -> Vec<Secret> {
        let lines = self.proxy_pool.expose().lines().map(str::trim);
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(Secret::new).collect()
    }

    /// What does not go together: the setting and what to do about it.
    pub(super) fn problem(&self) -> Option<(&'static str, &'static str)> {
        if self.proxy && self.proxy_url.is_empty() && !self.proxy_pool_enabled {
            return Some(("proxy_url", "proxy_url is empty: name a proxy, or leave proxy_enabled off"));
        }
        if self.watermark_free && self.custom_parse && self.custom_parse_url.is_empty() {
            return Some(("custom_parse_url", "custom_parse_url is empty, but parse_method is custom"));
        }
        if self.clearance && self.clearance_url.is_empty() {
            return Some(("solver_api_url", "solver_api_url is empty: name the service, or leave it off"));
        }
        None
    }
}

/// Settings as a configuration that says nothing has them.
#[cfg(test)]
pub(super) fn fixture() -> Values {
    Values {
        error_ban_threshold: 3,
        debug: false,
        proxy: false,
        proxy_pool_enabled: false,
        watermark_free: false,
        custom_parse: false,
        custom_parse_url: String::new(),
        clearance: false,
        clearance_url: String::new(),
        image_timeout_s: 300,
        video_timeout_s: 1800,
        cache: true,
        cache_timeout_s: 7200,
        cache_base_url: String::new(),
        refresh_access_tokens: false,
        request_log_days: 30,
        proxy_url: Secret::default(),
        proxy_pool: Secret::default(),
        custom_parse_token: Secret::default(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_change_comes_back_from_its_row_and_keeps_secrets_out_of_it() {
        let change = Change {
            debug: Some(true),
            cache_base_url: Some("https://a".into()),
            proxy_url: Some(Secret::new("http://planted:pw@p:1")),
            custom_parse_token: Some(Secret::default()),
            ..Change::default()
        };
        let row = serde_json::to_string(&change.plain()).unwrap();
        assert!(!row.contains("planted"), "{row}");
        let plain: Plain = serde_json::from_str(&row).unwrap();
        let open = |path: &str| Ok::<_, ()>(change.sealed(path).cloned().unwrap());
        assert_eq!(Change::of(plain, open).unwrap(), change);
        assert_eq!(Plain::default(), serde_json::from_str("{}").unwrap(), "rows of before are read");
    }

    #[test]
    fn what_is_said_wins_over_the_base_until_it_is_reset() {
        let base = fixture();
        let mut stored = Change { debug: Some(true), ..Change::default() };
        stored.merge(Change { proxy_url: Some(Secret::new("p:1")), ..Change::default() });
        let values = stored.over(&base);
        assert_eq!((values.debug, values.proxy_url.expose(), values.cache), (true, "p:1", true));
        for path in Values::PATHS {
            assert_eq!(stored.has(path), ["debug.enabled", "proxy.url"].contains(path), "{path}");
            stored.reset(path);
        }
        assert_eq!(stored, Change::default());
        assert_eq!(stored.over(&base), base);
    }

    #[test]
    fn what_is_switched_on_has_what_it_needs() {
        let base = fixture();
        assert_eq!(base.problem(), None);
        for (change, field) in [
            (Change { proxy: Some(true), ..Change::default() }, "proxy_url"),
            (
                Change { watermark_free: Some(true), custom_parse: Some(true), ..Change::default() },
                "custom_parse_url",
            ),
            (Change { clearance: Some(true), ..Change::default() }, "solver_api_url"),
        ] {
            assert_eq!(change.over(&base).problem().map(|(field, _)| field), Some(field));
        }
        let pooled = Change {
            proxy: Some(true),
            proxy_pool_enabled: Some(true),
            proxy_pool: Some(Secret::new("# mine\na:1\n\n b:2 \n")),
            ..Change::default()
        };
        let values = pooled.over(&base);
        assert_eq!((values.problem(), values.proxies().len()), (None, 2));
    }
}
