"""JMESPath over plain data, as `az --query` has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jmespath
from jmespath.exceptions import EmptyExpressionError, JMESPathError, LexerError, ParseError

from azremedy.errors import AzremedyError


def compiled(expression: str) -> Callable[[Any], Any]:
    """Return the search of a JMESPath expression. Raises `AzremedyError` with the place of a mistake."""
    try:
        parsed = jmespath.compile(expression)
    except EmptyExpressionError as error:
        raise AzremedyError("--query: the expression is empty.") from error
    except ParseError as error:
        raise AzremedyError(f"--query: {mistake(error, expression)} in {expression!r}.") from error

    def search(data: Any) -> Any:
        try:
            return parsed.search(data)
        except JMESPathError as error:
            raise AzremedyError(f"--query: {error}.") from error

    return search


def mistake(error: ParseError, expression: str) -> str:
    """Return what is wrong with an expression, and where, counted from 1."""
    position = error.lex_position
    if position is None or position >= len(expression):
        return "the expression ends too early"
    token = error.lexer_value if isinstance(error, LexerError) else error.token_value
    return f"unexpected {token!r} at character {position + 1}"
