"""What README and docs say is what the code has: magics, options, words, packages, links."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from jobkernel.cli import COMMANDS
from jobkernel.notebook.usages import CELL_USAGES, LINE_USAGES, SUB_USAGES

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/adr/*.md")])
USAGES = [*CELL_USAGES.values(), *LINE_USAGES.values(), *SUB_USAGES.values()]
CODE = [*ROOT.glob("jobkernel/**/*.py"), *ROOT.glob("jobkernel/**/*.sql"), *ROOT.glob("labextension/src/**/*.ts")]
MADE_LATER = {"docs/images/widget-light.png"}


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_table_of_magics_is_that_of_the_usages() -> None:
    rows = dict(re.findall(r"^\| `(%%?\w+(?: \w+)?)` \| (.+) \|$", text_of("README.md"), re.MULTILINE))
    rows.pop("%jk")

    assert rows == {usage.magic: usage.about for usage in USAGES}


@pytest.mark.parametrize("usage", USAGES, ids=lambda usage: usage.magic)
def test_the_guide_has_every_option(usage: object) -> None:
    guide = text_of("docs/guide.md")
    named = [option.name for option in usage.options]  # type: ignore[attr-defined]

    assert [name for name in named if f"--{name}" not in guide] == []


def test_the_guide_names_no_option_that_is_not_there() -> None:
    known = {option.name for usage in USAGES for option in usage.options} | {"help", "project", "json"}

    assert {name for name in re.findall(r"--([a-z][a-z-]*)", text_of("docs/guide.md")) if name not in known} == set()


def test_the_readme_names_every_command() -> None:
    line = text_of("README.md").partition("## Command line")[2].partition("##")[0]

    assert [name for name in COMMANDS if name not in line and name not in ("scheduler", "export")] == []


def test_every_word_of_the_glossary_is_used() -> None:
    everything = "\n".join(path.read_text(encoding="utf-8") for path in CODE).lower().replace("_", " ")
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", text_of("docs/glossary.md"), re.MULTILINE)

    assert len(words) > 40
    assert words == sorted(words, key=str.lower)
    assert [word for word in words if word.lower() not in everything] == []


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))
    extras = project["project"]["optional-dependencies"].values()
    asked = [
        *project["project"]["dependencies"],
        *project["build-system"]["requires"],
        *(x for each in extras for x in each),
    ]
    names = {re.split(r"[\[<>=]", text)[0] for text in asked} - {"jobkernel"}
    cells = re.findall(r"^\| ([a-z0-9, -]+?) \|", text_of("docs/dependencies.md"), re.MULTILINE)
    explained = {name.strip() for cell in cells for name in cell.split(",")} - {"package", "---"}

    assert explained == names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")) if "://" not in link]
    missing = [link for link in links if not (page.parent / link).exists()]

    assert [link for link in missing if link not in MADE_LATER] == []


def test_the_architecture_names_every_floor_and_files_that_exist() -> None:
    page = text_of("docs/architecture.md")
    files = set(re.findall(r"`((?:\w+/)+\w+\.(?:py|sql))`", page))

    assert [
        floor.name
        for floor in ROOT.glob("jobkernel/*")
        if (floor / "__init__.py").exists() and f"`{floor.name}`" not in page
    ] == []
    assert [name for name in files if not (ROOT / "jobkernel" / name).exists()] == []


def test_the_recipes_name_files_that_exist() -> None:
    named = re.findall(r"`((?:jobkernel|labextension|tests|docs)/[\w./]+)`", text_of("CONTRIBUTING.md"))

    assert [name for name in named if not (ROOT / name).exists()] == []
