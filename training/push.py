"""A run's adapter on the Hugging Face hub: what would go there, and sending it."""

from dataclasses import dataclass
from pathlib import Path

from timbre.errors import TimbreError
from training.runs import Run

FILES = ("README.md", "adapter_config.json", "adapter_model.safetensors")
"""What is sent: the adapter and its card. No pairs, no losses, no optimizer."""


@dataclass(frozen=True)
class Parcel:
    """What is sent where.

    Attributes:
        repo: ``owner/name`` on the hub.
        private: Whether the repository is made private.
        folder: The adapter's folder.
        files: Names and sizes in bytes, in order.
    """

    repo: str
    private: bool
    folder: Path
    files: tuple[tuple[str, int], ...]


def pack(run: Run, repo: str, private: bool) -> Parcel:
    """See what would be sent; nothing is.

    Raises:
        TimbreError: ``repo`` is no ``owner/name``, a file is missing, or one epoch of a run is meant.
    """
    if run.epoch is not None:
        raise TimbreError(
            f"{run.name!r} is one epoch, without a card of its own",
            where="RUN",
            do=f"push the run, or make a model of the epoch with `timbre merge {run.name} -o DIR`",
        )
    owner, slash, name = repo.partition("/")
    if not (owner and slash and name) or "/" in name:
        raise TimbreError(f"{repo!r} is no repository", where="--repo", do="write OWNER/NAME")
    missing = [file for file in FILES if not (run.adapter / file).is_file()]
    if missing:
        raise TimbreError(f"{missing[0]} is missing", where=str(run.adapter), do="train the run again")
    files = tuple((file, (run.adapter / file).stat().st_size) for file in FILES)
    return Parcel(repo, private, run.adapter, files)


def send(parcel: Parcel) -> str:
    """Make the repository if there is none and upload the files in one commit.

    Returns:
        The commit's address.

    Raises:
        TimbreError: no token, no right, or no network.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    api = HfApi()
    try:
        api.create_repo(parcel.repo, private=parcel.private, exist_ok=True)
        done = api.upload_folder(
            repo_id=parcel.repo,
            folder_path=parcel.folder,
            allow_patterns=list(FILES),
            commit_message="A LoRA adapter by Timbre",
        )
    except LocalTokenNotFoundError as error:
        raise TimbreError("no token for the hub", do="run `hf auth login`, or set HF_TOKEN") from error
    except HfHubHTTPError as error:
        raise TimbreError(
            f"the hub refuses: {str(error).splitlines()[0]}", where=parcel.repo, do="check the token's rights"
        ) from error
    except OSError as error:
        raise TimbreError(
            f"the hub can't be reached ({type(error).__name__})", do="try again later"
        ) from error
    return str(done)
