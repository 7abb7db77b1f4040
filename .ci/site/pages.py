"""Orders the pages by audience, shows links to files that are not pages as paths in the repository, and leaves out
what pages tell the tests about their blocks."""

import pathlib
import posixpath
import re

# Folders of docs/ in the order of the menu.
SECTIONS = ["guides", "reference", "explanation", "contributing"]
# Comments before a block, and words after its language. MkDocs takes such blocks for text.
FOR_TESTS = re.compile(r"^<!-- .*-->\n|(?<=^```console) \w.*$", re.MULTILINE)
LINK = re.compile(r"\[([^\]\[]+)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_config(config):
    docs = pathlib.Path(config.docs_dir)

    def pages(folder):
        files = sorted(folder.glob("*.md"))
        below = [{name.name.capitalize(): pages(name)} for name in sorted(folder.iterdir()) if name.is_dir()]
        return [file.relative_to(docs).as_posix() for file in files] + below

    config.nav = [{"Home": "index.md"}, {"Tutorial": "tutorial.md"}] + [{name.capitalize(): pages(docs / name)} for name in SECTIONS]
    return config


def on_page_markdown(markdown, page, **_):
    folder = posixpath.dirname(page.file.src_uri)

    def shown(link):
        text, target = link[1], link[2]
        path = posixpath.normpath(posixpath.join("docs", folder, target))
        if "://" in target or path.startswith("docs/"):
            return link[0]
        return text if path in text else f"{text} (`{path}` in the repository)"

    return LINK.sub(shown, FOR_TESTS.sub("", markdown))
