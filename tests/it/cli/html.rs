//! `plan --html` and `inspect --html`: pages that need nothing but a browser.

use std::fs;
use std::process::Command;

use crate::fixtures::sandbox::Sandbox;

/// Returns the body of a page, with pictures left out.
fn body(page: &str) -> String {
    let (_, body) = page.split_once("<body>\n").unwrap();
    let mut parts = body.split("<svg");
    let mut body = parts.next().unwrap().to_owned();
    for part in parts {
        body += "[picture]";
        body += part.split_once("</svg>").unwrap().1;
    }
    body
}

fn text(sandbox: &Sandbox, path: &str) -> String {
    String::from_utf8(sandbox.get(path)).unwrap()
}

#[test]
fn a_plan_is_a_page_with_each_medium_as_it_will_be() {
    let sandbox = Sandbox::new();
    let mut seen = sandbox.see("plan --html plan.html");
    seen += &body(&text(&sandbox, "plan.html"));
    insta::assert_snapshot!(seen);

    // A medium is read from its layout as it is from its file.
    sandbox.done(&["apply"]);
    sandbox.done(&["inspect", "--html", "medium.html", "out/win11-BER.iso"]);
    let section = |page: &str, title: &str| {
        let (_, rest) = page.split_once(title).unwrap();
        rest.split_once("</svg>").unwrap().0.split_once("<svg").unwrap().1.to_owned()
    };
    let [plan, medium] = ["plan.html", "medium.html"].map(|path| text(&sandbox, path));
    assert_eq!(section(&plan, "Map</summary>"), section(&medium, "Map</h2>"));

    // A medium that changes is below the finished one, and pictures of one page don't share patterns.
    sandbox.put("packages/vpn/vpn.conf", "server = vpn2.example.com\ntimeout = 30\n");
    sandbox.done(&["plan", "--html", "plan.html"]);
    let page = text(&sandbox, "plan.html");
    assert_eq!(page.matches("Map: the medium now, and below it as planned</summary>").count(), 2, "{page}");
    assert_eq!(page.matches("as it is; ").count(), 2, "{page}");
    let patterns: std::collections::BTreeSet<_> =
        page.split("<pattern id=\"").skip(1).map(|rest| &rest[..20]).collect();
    assert_eq!(patterns.len(), 6, "{patterns:?}");
    sandbox.done(&["apply"]);

    // Media that are up to date are in the table only.
    sandbox.done(&["plan", "--html", "plan.html"]);
    let page = text(&sandbox, "plan.html");
    assert!(page.contains("<td>keep</td><td>out&#x2f;win11-BER.iso</td>") && !page.contains("<details"), "{page}");
}

#[test]
fn a_finished_medium_is_a_page() {
    let sandbox = Sandbox::new();
    sandbox.done(&["apply"]);
    let mut seen = sandbox.see("inspect --html medium.html out/win11-BER.iso");
    seen += &body(&text(&sandbox, "medium.html"));
    insta::assert_snapshot!(seen);
}

#[test]
fn the_page_of_a_medium_has_the_steps_of_its_task_sequence() {
    let sandbox = Sandbox::new();
    let sequence = r#"sequence-version = 1
name = "Client"

[[steps]]
type = "set-variable"
name = "Be <Quiet>"
variable = "SMSTSDisableStatusRetry"
value = "true"

[[steps]]
type = "apply-operating-system"
name = "Apply Windows"
image = "BER00010"
index = 1

[[steps]]
type = "setup-windows"
name = "Setup Windows"
client-package = "BER00021"

[[steps]]
type = "group"
name = "Install"

[[steps.steps]]
type = "run-command-line"
name = "Install VPN"
package = "BER00021"
command-line = "cmd /c setup.cmd"
disabled = true
"#;
    sandbox.put("sequence.toml", sequence);
    let manifest = text(&sandbox, "media.toml");
    sandbox.put(
        "media.toml",
        format!(
            "{manifest}\n[task-sequence]\nfile = \"sequence.toml\"\n\n[[operating-system]]\nid = \"BER00010\"\nfile = \
         \"images/boot.wim\"\nindex = 1\n"
        ),
    );
    sandbox.done(&["apply"]);
    sandbox.done(&["inspect", "--html", "medium.html", "out/win11-BER.iso"]);
    let page = text(&sandbox, "medium.html");
    let section = page.split_once("<h2 id=\"sequences\">").unwrap().1.split_once("</section>").unwrap().0;
    insta::assert_snapshot!(section, @r#"
    Task sequences</h2>
    <details open><summary>BER72CB3: Client, 4 steps</summary>
    <p class="key"><span><b class="pe">PE</b>Windows PE</span><span><b class="os">OS</b>Windows</span><span><b class="any">any</b>either</span></p>
    <ol class="steps">
    <li class="any" style="--depth:0"><b class="any">any</b><span>Be &lt;Quiet&gt;</span><small>Set Task Sequence Variable</small></li>
    <li class="pe" style="--depth:0"><b class="pe">PE</b><span>Apply Windows</span><small>Apply Operating System Image</small></li>
    <li class="any" style="--depth:0"><b class="any">any</b><span>Setup Windows</span><small>Setup Windows and Configuration Manager</small></li>
    <li class="group" style="--depth:0"><span>Install</span></li>
    <li class="any disabled" style="--depth:1"><b class="any">any</b><span>Install VPN</span><small>Run Command Line, disabled</small></li>
    </ol>
    </details>
    "#);

    // Without the password, an encrypted one can't be read.
    sandbox.put("password", "a-long-and-random-password-7Q");
    sandbox.put(
        "media.toml",
        format!("{}[security]\npassword = {{ file = \"password\" }}\n", text(&sandbox, "media.toml")),
    );
    sandbox.done(&["apply"]);
    sandbox.done(&["inspect", "--html", "medium.html", "out/win11-BER.iso"]);
    assert!(text(&sandbox, "medium.html").contains("<p>not read; give the password of the medium"));
    let with_password = ["inspect", "--html", "medium.html", "--password-from", "file:password", "out/win11-BER.iso"];
    sandbox.done(&with_password);
    assert!(text(&sandbox, "medium.html").contains("Install VPN"));
}

#[test]
fn a_page_replaces_only_pages_and_is_made_only_of_media() {
    let sandbox = Sandbox::new();
    sandbox.done(&["apply"]);
    let mut seen = sandbox.see("plan --html media.toml");
    seen += &sandbox.see("inspect --html media.toml out/win11-BER.iso");
    seen += &sandbox.see("inspect --html page.html media.toml");
    insta::assert_snapshot!(seen, @"
    $ tsmedia plan --html media.toml
    ! error: `media.toml` does not end in `.html`
    !   help: name an HTML file, such as `report.html`
    = 1

    $ tsmedia inspect --html media.toml out/win11-BER.iso
    ! error: `media.toml` does not end in `.html`
    !   help: name an HTML file, such as `report.html`
    = 1

    $ tsmedia inspect --html page.html media.toml
    ! error: `media.toml` is a manifest, not a finished medium
    !   help: run `tsmedia plan media.toml` to see what it builds
    = 1
    ");
}

/// Facts about a page in a frame of some width, from a browser.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Seen {
    /// Width of everything in it. More than that of the frame means that it scrolls sideways.
    content_width: u64,
    background: String,
    n_headings: usize,
    n_pictures: usize,
    n_scripts: usize,
}

/// Opens a page in a headless browser, in a frame of this width.
fn open(sandbox: &Sandbox, page: &str, width: u64, is_dark: bool) -> Option<Seen> {
    let chromium = ["chromium", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()));
    let Some(chromium) = chromium else {
        let is_required = std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_some();
        let is_skipped = std::env::var_os("TSMEDIA_SKIP_BROWSER").is_some();
        assert!(!is_required || is_skipped, "chromium is needed: see tests/run");
        return None;
    };
    let escaped = page.replace('&', "&amp;").replace('"', "&quot;");
    let probe = format!(
        "<iframe id=f width={width} height=800 style=\"border:0\" srcdoc=\"{escaped}\"></iframe><pre id=seen></pre>
         <script>document.getElementById('f').onload = event => {{
           const page = event.target.contentDocument, count = name => page.querySelectorAll(name).length;
           document.getElementById('seen').textContent = JSON.stringify({{
             'content-width': page.documentElement.scrollWidth,
             'background': event.target.contentWindow.getComputedStyle(page.body).backgroundColor,
             'n-headings': count('h1, h2'), 'n-pictures': count('svg'), 'n-scripts': count('script'),
           }});
         }}</script>"
    );
    sandbox.put("probe.html", probe);
    let scheme = if is_dark { 0 } else { 1 };
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("--user-data-dir={}", sandbox.path("profile")))
        .arg(format!("file://{}", sandbox.path("probe.html")))
        .output()
        .unwrap();
    fs::remove_dir_all(sandbox.path("profile")).unwrap();
    let dom = String::from_utf8(output.stdout).unwrap();
    let (_, seen) = dom.split_once("<pre id=\"seen\">").unwrap_or_else(|| panic!("{dom}"));
    let seen = seen.split("</pre>").next().unwrap();
    Some(serde_json::from_str(seen).unwrap_or_else(|error| panic!("{error}: {seen}")))
}

#[test]
fn a_browser_shows_pages_on_wide_and_narrow_screens_in_light_and_dark() {
    let sandbox = Sandbox::new();
    sandbox.done(&["plan", "--html", "plan.html"]);
    sandbox.done(&["apply"]);
    sandbox.done(&["inspect", "--html", "medium.html", "out/win11-BER.iso"]);
    for (path, n_headings, n_pictures) in [("plan.html", 3, 2), ("medium.html", 6, 1)] {
        // Everything is opened, so that everything has to fit.
        let page = text(&sandbox, path).replace("<details>", "<details open>");
        for (width, is_dark) in [(360, false), (360, true), (1_200, false)] {
            let Some(seen) = open(&sandbox, &page, width, is_dark) else { return };
            let background = if is_dark { "rgb(13, 17, 23)" } else { "rgb(255, 255, 255)" };
            assert_eq!(seen.background, background, "{path}: {seen:?}");
            assert!(seen.content_width <= width, "{path} at {width}: {seen:?}");
            let counts = (seen.n_headings, seen.n_pictures, seen.n_scripts);
            assert_eq!(counts, (n_headings, n_pictures, 0), "{path}: {seen:?}");
        }
        // Nothing is loaded from anywhere.
        let others = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(
            !others.contains("http:")
                && !others.contains("https:")
                && !others.contains("src=")
                && !others.contains("url("),
            "{path}"
        );
    }
}
