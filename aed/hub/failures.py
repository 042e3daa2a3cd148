"""What goes wrong between here and a hub, told in our words: not reachable, not there, not allowed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from aed.errors import HubError, missing_extra

_UNAUTHORISED, _FORBIDDEN = 401, 403
_HOW_TO_LOG_IN = "log in with 'hf auth login', set HF_TOKEN, or pass token="


def hub_library(what: str) -> ModuleType:
    """Return the library that talks to hubs.

    Args:
        what: What it is needed for, as the subject of a sentence ("Fetching a model").

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise missing_extra(what, "hub") from error
    return huggingface_hub


@contextmanager
def told_plainly(repo_id: str, *, writing: bool = False) -> Iterator[None]:
    """Turn what the hub's library raises into a `HubError` that says how to mend it.

    Args:
        repo_id: The repository, "owner/name".
        writing: Something is pushed, not fetched.

    Raises:
        HubError: The body failed because of the hub, the network or the name.
    """
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.HFValidationError as error:
        raise HubError(
            f"'{repo_id}' is no name of a repository, expected 'owner/name' ({_first_line(error)})"
        ) from error
    except errors.GatedRepoError as error:
        raise HubError(f"{repo_id} is gated: ask for access on its page at the hub, then {_HOW_TO_LOG_IN}") from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(_not_there(repo_id, writing)) from error
    except errors.RevisionNotFoundError as error:
        raise HubError(f"{repo_id} has no such revision: expected a branch, a tag or a commit's full hash") from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, httpx2.TransportError) as error:
        raise HubError(_not_reached(repo_id, writing, error)) from error
    except errors.HfHubHTTPError as error:
        raise HubError(_refused(repo_id, writing, error.response.status_code, _first_line(error))) from error


def _not_there(repo_id: str, writing: bool) -> str:
    if writing:
        return f"the hub has no place {repo_id} that you may write to: check the owner's name, and {_HOW_TO_LOG_IN}"
    return (
        f"no folder {repo_id} is here, and the hub has no model repository of that name that you may see: check the "
        f"name, or where the repository is private {_HOW_TO_LOG_IN}"
    )


def _not_reached(repo_id: str, writing: bool, error: Exception) -> str:
    reason = _first_line(error.__cause__ or error)
    if writing:
        return f"{repo_id} was not pushed: the hub cannot be reached ({reason}); try again when the network is there"
    return (
        f"no folder {repo_id} is here or in the cache, and the hub cannot be reached ({reason}); check the name, "
        "or try again when the network is there"
    )


def _refused(repo_id: str, writing: bool, status: int, reason: str) -> str:
    doing = "push to" if writing else "fetch"
    if status in (_UNAUTHORISED, _FORBIDDEN):
        right = "write" if writing else "read"
        return (
            f"the hub does not let you {doing} {repo_id} (HTTP {status}): {_HOW_TO_LOG_IN}, with the right to {right}"
        )
    return f"the hub failed to {doing} {repo_id} (HTTP {status}: {reason}); try again later"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
