"""A job as a child of your own workflow: python3 run_job.py 2026-11-21 /data/requests.jsonl"""

import asyncio
import json
import os
import sys
from typing import Any

from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.envconfig import ClientConfig
from temporalio.worker import Worker


@workflow.defn(name="nightlyGrading")
class NightlyGrading:
    @workflow.run
    async def run(self, date: str, requests: str) -> dict[str, Any]:
        return await workflow.execute_child_workflow(
            "batchJobWorkflow",
            {"requests": requests, "followUp": {"workflow": "gradeAnswer", "taskQueue": "grading", "on": ["succeeded"]}},
            id=f"grading-{date}",
            task_queue="message-batches",
            # By default, a job whose parent is terminated would be too, without canceling its batches.
            parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
        )


async def main(date: str, requests: str) -> int:
    client = await Client.connect(**ClientConfig.load_client_connect_config())
    async with Worker(client, task_queue="nightly", workflows=[NightlyGrading]):
        try:
            report = await client.execute_workflow(
                NightlyGrading.run,
                args=[date, requests],
                id=f"nightly-{date}",
                task_queue="nightly",
                # The same command again goes on waiting for the one that runs.
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
        except WorkflowFailureError as error:
            print(f"No report: {error.cause}", file=sys.stderr, flush=True)
            return 1
    print(json.dumps(report, indent=2), flush=True)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: run_job.py DATE REQUESTS")
    code = asyncio.run(main(*sys.argv[1:]))
    # Python's tidying up now and then crashes on threads of the SDK that still end: github.com/temporalio/sdk-python/issues/300
    os._exit(code)
