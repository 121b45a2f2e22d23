"""What Python code needs to serve follow-ups of temporal-message-batches. Copy it into your own project.

Fields have the names that they have in JSON, because Temporal's converter goes by them.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, NotRequired, TypedDict
from urllib.parse import urlsplit
from urllib.request import url2pathname

from temporalio import workflow
from temporalio.common import RetryPolicy


class DataReference(TypedDict):
    """Where data lies. A dictionary, so that what is absent stays absent when it is handed on."""

    uri: str
    """An absolute path or a `file:` URL on the machine of the job's worker, or `s3://bucket/key`."""
    offset: NotRequired[int]
    length: NotRequired[int]
    sha256: NotRequired[str]


@dataclass
class FollowUpInput:
    """What a follow-up workflow gets. The result itself stays out of histories until `load_result` fetches it."""

    jobId: str
    round: int
    part: int
    customId: str
    outcome: Literal["succeeded", "errored", "canceled", "expired"]
    metadata: dict[str, Any]
    """Of the request."""
    result: DataReference
    """The result's line."""
    activityTaskQueue: str
    """Task queue of the activity that `load_result` calls."""
    request: DataReference | None = None
    """The request's line."""


async def load_result(input: FollowUpInput) -> dict[str, Any]:
    """For workflows: the result, as the API gave it. It then stands in the workflow's history."""
    line: dict[str, Any] = await workflow.execute_activity(
        "messageBatches.loadResult",
        input.result,
        task_queue=input.activityTaskQueue,
        start_to_close_timeout=timedelta(minutes=2),
        retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=1)),
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )
    return line["result"]


def read_result(reference: DataReference) -> dict[str, Any]:
    """For activities on a machine that has the job's files: the result, read from its file."""
    uri = reference["uri"]
    with open(url2pathname(urlsplit(uri).path) if uri.startswith("file:") else uri, "rb") as file:
        file.seek(reference.get("offset", 0))
        return json.loads(file.read(reference.get("length", -1)))["result"]


def text_of(message: dict[str, Any]) -> str:
    """All text of a message, its text blocks joined."""
    return "".join(block["text"] for block in message["content"] if block["type"] == "text")
