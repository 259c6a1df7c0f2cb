"""What a refusal or an echo advises is what helps: undefined upstreams by name, executors, failures in a plan."""

from __future__ import annotations

from shells import Notebook


def test_an_upstream_that_nobody_defines_is_named_and_its_making_not_advised(nb: Notebook) -> None:
    nb.ok("%%asset mid --ins o=raw/x\no", "%%asset after --ins mid\nmid")
    sentence = nb.refused("%materialize after")
    assert "'mid', which was never made" in sentence
    assert "'mid' needs 'raw/x', which no cell defines" in sentence
    assert "+after" not in sentence


def test_what_is_only_missing_is_advised_to_be_made_and_can_be(nb: Notebook) -> None:
    nb.ok("%%asset sales/mid\n1", "%%asset sales/after --ins sales/mid\nmid")
    assert nb.refused("%materialize sales/after").endswith("Select '+sales/after' to make what is above it too.")
    nb.ok("%materialize +sales/after")


def test_the_value_of_another_notebook_is_not_advised_to_be_made_here(nb: Notebook) -> None:
    nb.ok("%jk use far", "%%asset near\nfar")
    sentence = nb.refused("%materialize near")
    assert "It is only used here" in sentence
    assert "+near" not in sentence


def test_the_echo_names_stated_inputs_that_nothing_defines(nb: Notebook) -> None:
    nb.ok("%%asset raw/y\n1")
    assert "needs raw/x, which nothing defines yet. Did you mean 'raw/y'?" in nb.ok("%%asset a --ins o=raw/x\no").text
    assert "needs other, which nothing defines yet" in nb.ok("%%asset b --deps other\n1").text
    assert "nothing defines" not in nb.ok("%%asset c --ins o=raw/y\no").text


def test_a_kernel_may_run_its_steps_one_after_another(nb: Notebook) -> None:
    nb.ok('%config JobKernel.executor = "in_process"', "%%asset a\n1", "%materialize a")
    assert nb.session.history.query("latest_runs", limit=1)[0]["executor"] == "in_process"
    for line in ("%materialize --help", "%launch --help", "%%asset --help", "%%job --help"):
        assert "in_process" in nb.ok(line).text


def test_a_plan_says_what_failed(nb: Notebook) -> None:
    nb.ok("%%asset bad\n1 / 0", "%%asset fresh\n1")
    nb("%materialize bad")
    text = nb.ok("%materialize bad --dry-run").text
    assert "failed" in text
    assert "never run" not in text
    assert "never run" in nb.ok("%materialize fresh --dry-run").text


def test_a_plan_says_of_checks_and_ops_that_they_run_each_time(nb: Notebook) -> None:
    nb.ok("%%asset a\n1", "%%check a is_one\na == 1", "%materialize a", "%%op o\n1", "%%job j\no()", "%launch j --wait")
    for line, name in (("%materialize a --dry-run", "check is_one of a"), ("%launch j --dry-run", "o")):
        text = nb.ok(line).text
        assert f"{name}  runs each time" in text
        assert "never run" not in text
