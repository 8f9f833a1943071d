"""Manual pages, the example configuration and the documents agree with the code they speak of."""

import re
import shutil
import subprocess

import pytest
from support import paths

FIELD = r'\.{}\s*=\s*("(?:[^"\\]|\\.)*")'


def keys():
    """{(section, name): default} of the table in src/config/keys.c."""
    text = (paths.TOP / "src/config/keys.c").read_text()
    table = text[text.index("static const Key keys[]") : text.index("size_t keys_count")]
    found = {}
    for row in re.split(r"\n {8}(?=\{\.section|SWIFT_KEY)", table)[1:]:
        if row.startswith("SWIFT_KEY"):
            name, default = re.match(r'SWIFT_KEY\(\s*"(\w+)",\s*\w+,\s*\w+,\s*"([^"]*)"', row).groups()
            section = "swift"
        else:
            section, name, default = (re.search(rf'\.{f} = "([^"]*)"', row).group(1) for f in ("section", "name", "value"))
        found[section, name] = default
    return found


def test_the_table_of_keys_is_read_whole():
    text = (paths.TOP / "src/config/keys.c").read_text()
    assert len(keys()) == len(re.findall(r'^ {8}(?:\{\.section|SWIFT_KEY\()', text, flags=re.MULTILINE)) == 44


def test_the_example_has_every_key_with_its_default():
    section, found = None, {}
    for line in (paths.TOP / "conf/orabackup.conf").read_text().splitlines():
        if re.fullmatch(r"\[\w+\]", line):
            section = line[1:-1]
        match = re.fullmatch(r"#(\w+) =\s?(.*)", line)
        if match:
            found[section, match.group(1)] = match.group(2)
    assert found == keys()


def test_the_manual_has_every_key_with_its_default():
    section, found = None, {}
    for line in (paths.TOP / "man/orabackup.conf.5").read_text().splitlines():
        match = re.fullmatch(r"\.Ss \[(\w+)\]", line)
        if match:
            section = match.group(1)
        match = re.fullmatch(r"\.It Cm (\w+) =\s?(.*)", line)
        if match:
            found[section, match.group(1)] = match.group(2)
    assert found == keys()


@pytest.mark.parametrize("page", ["orabackupd.8", "orabackup.conf.5"])
def test_a_manual_page_is_well_formed(page):
    assert shutil.which("mandoc"), "mandoc is missing: scripts/setup installs it"
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", str(paths.TOP / "man" / page)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_daemon_has_the_options_of_its_manual():
    usage = subprocess.run([str(paths.daemon()), "--help"], capture_output=True, text=True, check=True).stdout
    for option in ("config", "check-config", "log-target", "log-level", "allow-root", "version", "help"):
        assert f"--{option}" in usage
        assert f"Fl Fl {option}" in (paths.TOP / "man/orabackupd.8").read_text()


def test_the_example_configuration_is_accepted(tmp_path):
    path = tmp_path / "orabackup.conf"
    shutil.copy(paths.TOP / "conf/orabackup.conf", path)
    recipients = tmp_path / "recipients"
    subprocess.run(["age-keygen", "-o", str(tmp_path / "identity")], check=True, capture_output=True)
    recipients.write_text(re.search(r"age1\w+", (tmp_path / "identity").read_text()).group(0) + "\n")
    (tmp_path / "orabackup.conf.d").mkdir()
    (tmp_path / "orabackup.conf.d/here.conf").write_text(f"[encryption]\nrecipients_file = {recipients}\n")
    done = subprocess.run(
        [str(paths.daemon()), "--check-config", "--allow-root", f"--config={path}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_installation_leaves_the_configuration_that_is_there(tmp_path):
    install = ["meson", "install", "--no-rebuild", "--quiet", "--destdir", str(tmp_path), "-C", str(paths.PLAIN)]
    subprocess.run(install, check=True, capture_output=True)
    installed = tmp_path / "etc/orabackup/orabackup.conf"
    assert installed.read_text() == (paths.TOP / "conf/orabackup.conf").read_text()
    assert installed.stat().st_mode & 0o777 == 0o644
    installed.write_text("[instance]\nname = mine\n")
    subprocess.run(install, check=True, capture_output=True)
    assert installed.read_text() == "[instance]\nname = mine\n"


def test_the_installation_has_a_build_folder_of_its_own():
    """meson keeps the options of a folder that is there: one that a script has made would be installed as it likes."""
    (folder,) = set(re.findall(r"(?:meson setup|-C) (build\S*)", (paths.TOP / "README.md").read_text()))
    for script in [paths.TOP / "scripts/demo", *(paths.TOP / "scripts/runner").glob("*.py"), paths.TOP / "scripts/coverage"]:
        assert not re.search(rf"\b{folder}\b(?!-)", script.read_text()), script


def links(path):
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        if "://" not in target:
            yield (path.parent / target).resolve()


@pytest.mark.parametrize("name", ["README.md", "docs/architecture.md", "docs/HACKING.md", "docs/recovery.md"])
def test_links_between_documents_lead_somewhere(name):
    missing = [str(target) for target in links(paths.TOP / name) if not target.exists()]
    assert not missing
    assert (paths.TOP / name).stat().st_size > 1000


def test_every_test_that_the_architecture_names_exists():
    """docs/architecture.md names a test for each rule: path::function."""
    text = (paths.TOP / "docs/architecture.md").read_text()
    named = re.findall(r"`(tests/[\w/.-]+\.(?:py|c))(?:::(\w+))?`", text)
    assert len(named) >= 16
    for path, function in named:
        assert (paths.TOP / path).is_file(), path
        if function:
            assert re.search(rf"\b{function}\b", (paths.TOP / path).read_text()), f"{path}::{function}"


def test_the_license_is_apache():
    text = (paths.TOP / "LICENSE").read_text()
    assert "Apache License" in text and "Version 2.0, January 2004" in text and "END OF TERMS AND CONDITIONS" in text
