"""Where a project's values are."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobkernel.errors import ValueNotWritten
from jobkernel.values.files import open_files
from jobkernel.values.place import values_place


def test_values_are_in_the_project_unless_the_environment_says_otherwise(tmp_path: Path) -> None:
    assert values_place(tmp_path, tmp_path / "own", {}) == str(tmp_path / "own")
    assert values_place(tmp_path, tmp_path / "own", {"JOBKERNEL_VALUES": ""}) == str(tmp_path / "own")


def test_projects_that_share_a_place_do_not_share_values(tmp_path: Path) -> None:
    given = {"JOBKERNEL_VALUES": "s3://bucket/values/"}
    one, other = (values_place(tmp_path / name / "report", tmp_path, given) for name in ("a", "b"))
    assert one != other
    assert all(place.startswith("s3://bucket/values/report-") for place in (one, other))


def test_a_folder_may_be_given_relative_to_the_home_folder(tmp_path: Path) -> None:
    place = values_place(tmp_path, tmp_path, {"JOBKERNEL_VALUES": "~/values"})
    assert Path(place).parent == Path.home() / "values"


def test_an_address_of_no_known_kind_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueNotWritten, match=r"^Values cannot be kept at bogus://x: Protocol not known: bogus\.$"):
        open_files("bogus://x")
