"""The source of a function or lambda as a fingerprint part: found by its line in the cell or file, cached by code.

``inspect.getsource`` is too slow and reads no lambda; this parses each cell once. Knows no notebook names.
"""

from __future__ import annotations

import ast
import linecache
from collections import OrderedDict
from types import CodeType, FunctionType
from typing import Any, Final

from jobkernel.rules.fingerprint import Part, digest, part_of, source_part

_KEPT: Final = 4096
_parts: OrderedDict[int, tuple[CodeType, Part]] = OrderedDict()
_trees: OrderedDict[str, tuple[int, dict[int, list[ast.AST]]]] = OrderedDict()

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def function_part(function: FunctionType) -> Part:
    """Return the part of a function's own source; where there is no source, of its compiled code."""
    code = function.__code__
    kept = _parts.get(id(code))
    if kept is None or kept[0] is not code:
        kept = (code, _part_of_code(code))
        _parts[id(code)] = kept
        if len(_parts) > _KEPT:
            _parts.popitem(last=False)
    return kept[1]


def _part_of_code(code: CodeType) -> Part:
    found = [node for node in _nodes_at(code) if _is_of(node, code)]
    if not found:
        return part_of(f"def {code.co_name}: ...  # no source; compiled code {digest(_described(code))}")
    if len(found) == 1:
        return source_part(found[0])
    pieces = [source_part(node) for node in found]  # lambdas that share a line and their parameters
    return part_of("\n".join(piece.text for piece in pieces), hashed="\n".join(piece.hash for piece in pieces))


def _is_of(node: ast.AST, code: CodeType) -> bool:
    if isinstance(node, ast.Lambda):
        count = code.co_argcount + code.co_kwonlyargcount
        arguments = node.args
        names = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        return code.co_name == "<lambda>" and list(code.co_varnames[:count]) == names
    return getattr(node, "name", None) == code.co_name


def _described(code: CodeType) -> str:
    constants = [_described(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts]
    return repr((code.co_name, code.co_code.hex(), constants, code.co_names, code.co_varnames))


def _nodes_at(code: CodeType) -> list[ast.AST]:
    lines = linecache.getlines(code.co_filename)
    if not lines:
        return []
    text = "".join(lines)
    kept = _trees.get(code.co_filename)
    if kept is None or kept[0] != hash(text):
        kept = (hash(text), _by_line(text))
        _trees[code.co_filename] = kept
        if len(_trees) > _KEPT:
            _trees.popitem(last=False)
    return kept[1].get(code.co_firstlineno, [])


def _by_line(text: str) -> dict[int, list[ast.AST]]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found: dict[int, list[ast.AST]] = {}
    for node in ast.walk(tree):
        if isinstance(node, _Function):
            found.setdefault(_first_line(node), []).append(node)
    return found


def _first_line(node: Any) -> int:
    decorators = getattr(node, "decorator_list", [])
    first: int = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    return first
