//! A client's URL as text: what can be fetched from at all. The URL standard's parser has turned every way to write an
//! address (`2130706433`, `0x7f.1`, `0177.0.0.1`, `127.1`, `%31%32%37.0.0.1`, full-width digits) into the plain one by then.

use url::{Host, Url};

/// Longer ones are not addresses of pictures; signed ones stay below 2 KiB.
const LONGEST: usize = 8192;

/// A URL that may be asked, if its host's addresses may.
///
/// # Errors
/// What is wrong with it, for the client.
pub(crate) fn target(text: &str) -> Result<Url, &'static str> {
    if text.len() > LONGEST {
        return Err("it is longer than 8192 bytes");
    }
    checked(Url::parse(text).map_err(|_| "it is not an absolute http or https address")?)
}

/// Where a redirect from `from` leads.
///
/// # Errors
/// What is wrong with it, for the client.
pub(crate) fn redirect_target(from: &Url, location: &str) -> Result<Url, &'static str> {
    if location.len() > LONGEST {
        return Err("it is longer than 8192 bytes");
    }
    let to = checked(from.join(location).map_err(|_| "it is malformed")?)?;
    // What was asked for over TLS must not come in a way that anybody between can change.
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err("it leads from https to http");
    }
    Ok(to)
}

fn checked(mut url: Url) -> Result<Url, &'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it is not an absolute http or https address");
    }
    // Secrets in it would reach logs, and `http://good.example@bad.example/` is there to be misread.
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has a user name or a password in it");
    }
    if url.port() == Some(0) {
        return Err("port 0 cannot be connected to");
    }
    if let Some(Host::Domain(name)) = url.host() {
        // `a.example.` is the same host; certificates and lists know it without the dot.
        let name = name.strip_suffix('.').unwrap_or(name).to_owned();
        if name.split('.').any(str::is_empty) || url.set_host(Some(&name)).is_err() {
            return Err("its host name is malformed");
        }
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_way_to_write_a_host_comes_out_as_the_one_that_is_judged() {
        for (text, plain) in [
            ("http://a.example", "http://a.example/"),
            ("HTTPS://A.Example:443/x?y=z#part", "https://a.example/x?y=z"),
            ("http://a.example.:8080/", "http://a.example:8080/"),
            ("http://localhost./", "http://localhost/"),
            ("http://2130706433/", "http://127.0.0.1/"),
            ("http://0x7f.1/", "http://127.0.0.1/"),
            ("http://0x7F000001/", "http://127.0.0.1/"),
            ("http://0177.0.0.1/", "http://127.0.0.1/"),
            ("http://127.1/", "http://127.0.0.1/"),
            ("http://127.0.0.1./", "http://127.0.0.1/"),
            ("http://0/", "http://0.0.0.0/"),
            ("http://%31%32%37.0.0.1/", "http://127.0.0.1/"),
            ("http://１２７.０.０.１/", "http://127.0.0.1/"),
            ("http://①②⑦。0。0。1/", "http://127.0.0.1/"),
            ("http://[0:0::0:1]/", "http://[::1]/"),
            ("http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/"),
            ("http:\\\\127.0.0.1\\x", "http://127.0.0.1/x"),
            ("http:127.0.0.1", "http://127.0.0.1/"),
            ("http:///127.0.0.1", "http://127.0.0.1/"),
            (" http://12\t7.0.0.1/\n", "http://127.0.0.1/"),
            ("http://a.example:22/", "http://a.example:22/"),
        ] {
            assert_eq!(target(text).map(String::from), Ok(plain.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_fetched_from_is_refused_as_text() {
        let long = format!("http://a.example/{}", "x".repeat(LONGEST));
        for text in [
            "",
            "a.example",
            "/x",
            "//a.example/x",
            "file:///etc/passwd",
            "ftp://a.example/",
            "gopher://a.example/",
            "data:image/png;base64,AA==",
            "javascript:1",
            "unix:/run/x",
            "http://",
            "http://user@a.example/",
            "http://user:secret@a.example/",
            "http://:secret@a.example/",
            "http://good.example@127.0.0.1/",
            "http://a.example:0/",
            "http://a.example:65536/",
            "http://[::1%25eth0]/",
            "http://[fe80::1%eth0]/",
            "http://[::1/",
            "http://[v1.x]/",
            "http://256.0.0.1/",
            "http://1.2.3.4.5/",
            "http://0x7f.0.0.0x100/",
            "http://a..example/",
            "http://a.example../",
            "http://./",
            "http://a b/",
            "http://a%00b/",
            "http://a<b/",
            &long,
        ] {
            assert!(target(text).is_err(), "{text} was taken: {:?}", target(text));
        }
    }

    #[test]
    fn a_redirect_is_judged_like_a_first_url_and_never_leaves_tls() {
        let from = |text| Url::parse(text).unwrap();
        let follow = |text, location| redirect_target(&from(text), location).map(String::from);
        assert_eq!(follow("https://a.example/x/y?q", "../z"), Ok("https://a.example/z".to_owned()));
        assert_eq!(follow("http://a.example/", "//b.example/"), Ok("http://b.example/".to_owned()));
        assert_eq!(follow("http://a.example/", "https://b.example"), Ok("https://b.example/".to_owned()));
        assert_eq!(follow("http://a.example/", "//0x7f.1/"), Ok("http://127.0.0.1/".to_owned()));
        for (text, location) in [
            ("https://a.example/", "http://a.example/"),
            ("http://a.example/", "file:///etc/passwd"),
            ("http://a.example/", "ftp://a.example/"),
            ("http://a.example/", "//user@b.example/"),
            ("http://a.example/", "http://["),
        ] {
            assert!(follow(text, location).is_err(), "{text} to {location} was followed");
        }
    }
}
