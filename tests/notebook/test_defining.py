"""Definition cells in a real shell: every kind and form, in any order, with errors that point at the cell."""

from __future__ import annotations

import pytest
from shells import Notebook

import jobkernel as jk


def made(nb: Notebook, key: str) -> object:
    return nb.session.load(key)


def test_the_value_is_the_last_expression_or_the_variable_of_that_name(nb: Notebook) -> None:
    nb.ok("%%asset last\na = 1\na + 1", "%%asset named\nnamed = 5\nother = 6", "%materialize last named")
    assert (made(nb, "last"), made(nb, "named")) == (2, 5)


def test_a_body_s_assignments_stay_private(nb: Notebook) -> None:
    nb.ok("x = 'outside'", "%%asset a\nx = 'inside'\nx", "%materialize a")
    assert nb.names["x"] == "outside"


def test_function_form_takes_its_name_and_its_inputs_from_the_def(nb: Notebook) -> None:
    nb.ok("%%asset\ndef doubled(base):\n    return base * 2", "%%asset base\n21", "%materialize +doubled")
    assert made(nb, "doubled") == 42


def test_cells_may_come_in_any_order(nb: Notebook) -> None:
    nb.ok("%%asset c\nb + 1", "%%asset b\na + 1")
    told = nb.ok("%%asset a\n1")
    assert "now feeds b" in told.text
    nb.ok("%materialize +c")
    assert made(nb, "c") == 3


def test_redefining_a_cell_replaces_its_asset(nb: Notebook) -> None:
    nb.ok("%%asset a\n1", "%materialize a", "%%asset a\n2", "%materialize a")
    assert made(nb, "a") == 2


def test_the_echo_names_inputs_and_what_stands_in_for_a_variable(nb: Notebook) -> None:
    nb.ok("%%asset raw\n1", "raw = 3")
    told = nb.ok("%%asset clean\nraw + 1").text
    assert "from raw" in told
    assert "raw is the asset, not the notebook's variable" in told


def test_ins_maps_and_deps_only_order(nb: Notebook) -> None:
    nb.ok(
        "%%asset sales/eu\n[1, 2]",
        "%%asset flag\n'written'",
        "%%asset total --ins x=sales/eu --deps flag\nsum(x)",
        "%materialize +total",
    )
    assert made(nb, "total") == 3
    assert nb.session.registry.assets["total"].specs[0].deps == ("sales/eu", "flag")


def test_a_key_with_parts_is_the_variable_of_its_last_part(nb: Notebook) -> None:
    nb.ok("%%asset sales/eu\n[1, 2]", "%%asset total\nsum(eu)", "%materialize +total")
    assert made(nb, "total") == 3


def test_no_infer_reads_nothing_from_the_code(nb: Notebook) -> None:
    nb.ok("%%asset a\n1", "a = 10", "%%asset b --no-infer\na + 1", "%materialize b")
    assert made(nb, "b") == 11


def test_reading_before_writing_its_own_name_is_an_input(nb: Notebook) -> None:
    nb.ok("%%asset raw\n[3, 1]", "%%asset tidy\nraw = sorted(raw)\nraw", "%materialize +tidy")
    assert made(nb, "tidy") == [1, 3]


def test_params_have_types_and_defaults_and_set_changes_them(nb: Notebook) -> None:
    nb.ok("%%asset a --param limit:int=2 --param word=hello\n[word] * limit", "%materialize a")
    assert made(nb, "a") == ["hello", "hello"]
    nb.ok("%materialize a --set a.limit=1 --set a.word=bye")
    assert made(nb, "a") == ["bye"]


def test_context_is_bound_without_being_asked_for(nb: Notebook) -> None:
    nb.ok("%%asset a\ncontext.log.info('told')\ncontext.asset_key.to_user_string()", "%materialize a")
    assert made(nb, "a") == "a"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("found = !echo hello\nfound[0]", "hello"),
        ("import asyncio\nawait asyncio.sleep(0)\n'waited'", "waited"),
        ("async def a():\n    return 'async def'", "async def"),
        ("%time x = 3\nx", 3),
        ("import math\nmath.floor(2.5)", 2),
    ],
)
def test_shell_commands_magics_and_await_work_in_a_body(nb: Notebook, body: str, value: object) -> None:
    nb.ok(f"%%asset a\n{body}", "%materialize a")
    assert made(nb, "a") == value


def test_a_heading_comment_makes_a_definition_cell(nb: Notebook) -> None:
    nb.ok("# jk: asset a --group g\n1 + 1", "%materialize a")
    assert made(nb, "a") == 2
    assert nb.session.registry.universe.facts["a"].group == "g"


def test_an_error_in_a_body_points_at_its_line_in_the_cell(nb: Notebook) -> None:
    nb.ok("%%asset bad\nx = 1\ny = 0\nx / y")
    ran = nb("%materialize bad")
    assert isinstance(ran.error, ZeroDivisionError)
    assert "----> 4 x / y" in ran.complaint + ran.printed
    assert "jobkernel/" not in ran.complaint + ran.printed


def test_a_syntax_error_names_the_line_of_the_cell(nb: Notebook) -> None:
    sentence_or_error = nb("%%asset bad\nx = 1\ny ===")
    assert sentence_or_error.error is not None
    assert "3" in sentence_or_error.complaint + sentence_or_error.printed
    assert "bad" not in nb.session.registry.assets


def test_sql_reads_assets_by_name_and_gives_a_table(nb: Notebook) -> None:
    nb.ok(
        "import pandas",
        "%%asset orders\npandas.DataFrame({'n': [1, 2, 3]})",
        "%%asset total --sql --as pandas\nselect sum(n) as n from orders",
        "%materialize +total",
    )
    assert made(nb, "total").n.tolist() == [6]
    assert nb.session.registry.assets["total"].specs[0].kinds == {"duckdb"}


def test_ops_compose_into_a_job_with_fan_in_aliases_and_several_outputs(nb: Notebook) -> None:
    nb.ok(
        "%%op one\n1",
        "%%op add --ins a,b\na + b",
        "%%op gather\ndef gather(numbers):\n    return sum(numbers)",
        "%%op split --outs x,y\n(1, 2)",
        "%%job j\nx, y = split()\ntotal = add(one(), one.alias('uno')())\ngather([x, y, total])",
    )
    handle = nb.ok("handle = %launch j").value or nb.names["handle"]
    handle.wait(20).raise_for_status()
    assert set(handle.live.plan.steps) == {"split", "one", "uno", "add", "gather"}


def test_launch_with_wait_runs_a_job_to_its_end(nb: Notebook) -> None:
    nb.ok("%%op one\n1", "%%job j\none()")
    assert "1 step" in nb.ok("%launch j --wait").text


def test_an_asset_job_runs_its_selection(nb: Notebook) -> None:
    nb.ok("%%asset a\n1", "%%asset b\na", "%%asset c\n3", "%job upto_b +b", "%launch upto_b --wait")
    assert (nb.session.states.made("b") is not None, nb.session.states.made("c")) == (True, None)


def test_a_resource_is_handed_to_bodies_that_name_it(nb: Notebook) -> None:
    nb.ok("%%resource shop\n{'open': True}", "%%asset a\nshop['open']", "%materialize a")
    assert made(nb, "a") is True


def test_a_resource_that_yields_is_closed_after_the_run(nb: Notebook) -> None:
    nb.ok(
        "closed = []",
        "%%resource db\ndef db():\n    yield 'connection'\n    closed.append(1)",
        "%%asset a\ndb",
        "%materialize a",
    )
    assert made(nb, "a") == "connection"


def test_checks_run_with_their_asset_and_a_blocking_one_stops_what_is_below(nb: Notebook) -> None:
    nb.ok(
        "%%asset a\n[]",
        "%%check a has_rows --blocking\nlen(a) > 0",
        "%%asset b\na",
    )
    ran = nb("%materialize a b")
    assert ran.error is not None
    assert nb.session.states.made("a") is not None
    assert nb.session.states.made("b") is None
    result = nb.session.states.check("a", "has_rows")
    assert result is not None
    assert result.passed is False


def test_a_custom_io_manager_from_a_resource_cell_keeps_values(nb: Notebook) -> None:
    nb.ok(
        "import jobkernel as jk",
        "%%resource shelf\nclass Shelf(jk.IOManager):\n    kept = {}\n"
        "    def handle_output(self, context, obj):\n        self.kept[context.asset_key.to_user_string()] = obj\n"
        "    def load_input(self, context):\n        return self.kept[context.asset_key.to_user_string()]\nShelf()",
        "%%asset a --io shelf\n41",
        "%%asset b\na + 1",
        "%materialize +b",
    )
    assert made(nb, "b") == 42


def test_io_memory_keeps_what_cannot_be_stored(nb: Notebook) -> None:
    nb.ok("%%asset lock --io memory\nimport threading\nthreading.Lock()", "%%asset b\ntype(lock).__name__")
    nb.ok("%materialize +b")
    assert made(nb, "b") == "lock"


def test_changing_an_input_in_place_is_seen_by_nobody_else(nb: Notebook) -> None:
    nb.ok(
        "%%asset raw\n[1, 2]",
        "%%asset one\nraw.append('one')\nraw",
        "%%asset two\nraw.append('two')\nraw",
        "%materialize +one +two",
    )
    assert made(nb, "raw") == [1, 2]
    assert made(nb, "one") == [1, 2, "one"]
    assert made(nb, "two") == [1, 2, "two"]


def test_redefining_a_helper_during_a_run_changes_nothing_in_it(nb: Notebook) -> None:
    nb.ok(
        "import threading\ngate, begun = threading.Event(), threading.Event()",
        "def helper(): return 'old'",
        "%%asset first --io memory\nbegun.set()\ngate.wait(10)\n1",
        "%%asset second --deps first\nhelper()",
        "run = None",
    )
    handle = nb.ok("%materialize first second --bg").value
    assert nb.names["begun"].wait(10)
    nb.ok("def helper(): return 'new'")
    nb.names["gate"].set()
    handle.wait(10).raise_for_status()
    assert made(nb, "second") == "old"


def test_use_declares_and_forget_drops(nb: Notebook) -> None:
    assert "no notebook of the project makes far yet" in nb.ok("%jk use far").text
    nb.ok("%%asset near\nfar")
    assert nb.session.registry.assets["near"].specs[0].deps == ("far",)
    nb.ok("%jk forget near")
    assert "near" not in nb.session.registry.assets


def test_values_and_history_outlive_a_forgotten_definition(nb: Notebook) -> None:
    nb.ok("%%asset a\n7", "%materialize a", "%jk forget a")
    assert nb.session.load("a") == 7


def test_run_makes_and_binds_at_once(nb: Notebook) -> None:
    told = nb.ok("%%asset a --run\n5")
    assert nb.names["a"] == 5
    assert "bound a" in told.text


def test_run_on_define_runs_every_asset_cell(nb: Notebook) -> None:
    nb.ok("%config JobKernel.run_on_define = True", "%%asset a\n5")
    assert nb.names["a"] == 5


def test_quiet_says_nothing(nb: Notebook) -> None:
    assert nb.ok("%%asset a --quiet\n5").text.strip() == ""


def test_metadata_tags_owners_and_kinds_are_kept(nb: Notebook) -> None:
    nb.ok(
        "limits = {'low': 1}",
        "%%asset a -g shop --tag team=data --owner team:data --kind python --meta rows=3 --meta limits=limits"
        " --description 'All of it'\n1",
    )
    spec = nb.session.registry.assets["a"].specs[0]
    assert (spec.group, spec.owners, spec.description) == ("shop", ("team:data",), "All of it")
    assert spec.tags["team"] == "data"
    assert spec.metadata["limits"] == {"low": 1}


def test_decorated_definitions_run_beside_cells(nb: Notebook) -> None:
    @jk.asset
    def sample() -> int:
        return 3

    assert jk.materialize([sample]).success


def test_each_kind_of_definition_says_what_it_is(nb: Notebook) -> None:
    nb.ok("%%asset a\n1", "%%asset b\na", "%%op one\n1")
    assert "op add · takes x, y" in nb.ok("%%op add --ins x,y\nx + y").text
    assert "job j · 3 steps" in nb.ok("%%job j\nadd(one(), one())").text
    assert "job report · +b: 2 assets" in nb.ok("%job report +b").text
    assert "job later · group:x: nothing that is defined yet" in nb.ok("%job later group:x").text
    assert "check big of a · stops what is below when it fails" in nb.ok("%%check a big --blocking\nTrue").text
    assert "resource r" in nb.ok("%%resource r\n1").text


def test_a_check_that_warns_says_so_and_does_not_stop_what_is_below(nb: Notebook) -> None:
    nb.ok("%%asset a\n[]", "%%check a big --severity WARN --blocking\nlen(a) > 0", "%%asset b\na", "%materialize +b")
    found = nb.session.history.sql("select passed, severity from checks").fetchall()
    assert found == [(False, "WARN")]
    assert made(nb, "b") == []


def test_a_check_that_raises_is_named_as_a_check(nb: Notebook) -> None:
    nb.ok("%%asset a\n1", "%%check a big\nlen(a) > 0")
    ran = nb("%materialize a")
    assert isinstance(ran.error, TypeError)
    assert "check big of a" in ran.text


def test_an_error_in_a_resource_points_at_its_cell(nb: Notebook) -> None:
    nb.ok("%%resource db\nx = 0\n1 / x", "%%asset a\ndb")
    ran = nb("%materialize a")
    assert isinstance(ran.error, ZeroDivisionError)
    assert "----> 3 1 / x" in ran.complaint + ran.printed
    assert "Resource 'db' raised ZeroDivisionError" in ran.text
