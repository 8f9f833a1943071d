"""Static analysis of every source of src/, as many at a time as there are cores."""

import concurrent.futures
import json
import os
import shlex
import subprocess

# base/error.h says under __clang_analyzer__ that an error that was set is negative, by a value nobody may use. The analyzer does
# not know the cleanup attribute: what that frees is a leak to it. LeakSanitizer looks for leaks.
ANALYZER = ["-fanalyzer", "-D__clang_analyzer__", "-Wno-unused-value", "-Wno-analyzer-malloc-leak", "-Werror", "-fdiagnostics-plain-output"]


def run_tidy(top, build, selection, totals):
    """clang-tidy, as .clang-tidy says."""
    check_sources("tidy", top, build, selection, totals, lambda command: ["clang-tidy", "--quiet", "-p", ".", command["file"]])


def run_analyzer(top, build, selection, totals):
    """gcc's own analyzer, with the flags of that build."""
    check_sources("analyzer", top, build, selection, totals, lambda command: [*compile_only(command), *ANALYZER])


def compile_only(command):
    """The compiler's words without what is written."""
    words, kept = iter(shlex.split(command["command"])), []
    for word in words:
        if word in ("-o", "-MQ", "-MF"):
            next(words)
        elif word != "-MD":
            kept.append(word)
    return [*kept, "-o", "/dev/null"]


def check_sources(name, top, build, selection, totals, words_of):
    folder = os.path.join(top, build.folder)
    with open(os.path.join(folder, "compile_commands.json"), encoding="utf-8") as file:
        commands = {os.path.relpath(os.path.join(folder, c["file"]), top): c for c in json.load(file)}
    sources = [s for s in sorted(commands) if s.startswith("src/") and selection.has(f"{name}/{s}")]

    def check(source):
        return subprocess.run(
            words_of(commands[source]), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
        )

    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for source, done in zip(sources, pool.map(check, sources)):
            if done.returncode == 0:
                totals.ok()
            else:
                totals.fail(f"{name}/{source}")
                print(done.stdout)
