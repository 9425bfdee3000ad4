"""Adds up the results that ./dev test leaves in a folder: ctest.xml, one JUnit file
per GoogleTest executable, pytest.xml. Steps that failed without results of their own
are named as further arguments. Prints a line per suite with its time, the names
of failed tests, and as the last line "N passed, N failed". Exits 1 if any failed or
nothing ran.
"""
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


class Suite:
    def __init__(self, name, seconds):
        self.name, self.seconds = name, seconds
        self.passed, self.skipped, self.failures = 0, 0, []


def read(path):
    """The root of a result file; None if it is absent or was cut off by a crash."""
    try:
        return ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return None


def add_cases(suite, root):
    for case in root.iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '')}".lstrip(".")
        if case.find("failure") is not None or case.find("error") is not None:
            suite.failures.append(name)
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            suite.skipped += 1
        else:
            suite.passed += 1


def suite_of_ctest(case, folder):
    """A GoogleTest executable counts as many tests as it has; any other program is one."""
    suite = Suite(case.get("name"), float(case.get("time", 0)))
    ok = case.get("status") == "run"
    cases = read(folder / f"gtest-{suite.name}.xml")
    if cases is not None:
        add_cases(suite, cases)
        if not ok and not suite.failures:
            suite.failures.append(f"{suite.name} (failed after its tests)")
    elif case.get("status") in ("notrun", "disabled"):
        suite.skipped += 1
    elif ok:
        suite.passed += 1
    else:
        suite.failures.append(f"{suite.name} (failed, crashed or timed out)")
    return suite


def main(folder, failed_steps):
    suites = []
    ctest = read(folder / "ctest.xml")
    if ctest is not None:
        suites += [suite_of_ctest(case, folder) for case in ctest.iter("testcase")]
    pytest = read(folder / "pytest.xml")
    if pytest is not None:
        total = sum(float(s.get("time", 0)) for s in pytest.iter("testsuite"))
        suites.append(Suite("python", total))
        add_cases(suites[-1], pytest)

    for step in failed_steps:
        suites.append(Suite(step, 0))
        suites[-1].failures.append("could not be run")

    for suite in sorted(suites, key=lambda s: -s.seconds):
        more = f", {suite.skipped} skipped" if suite.skipped else ""
        print(f"  {suite.name:24} {suite.seconds:8.2f} s  {suite.passed} passed, {len(suite.failures)} failed{more}")
    for suite in suites:
        for name in suite.failures:
            print(f"  FAILED {suite.name}: {name}")
    passed = sum(s.passed for s in suites)
    failed = sum(len(s.failures) for s in suites)
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2:]))
