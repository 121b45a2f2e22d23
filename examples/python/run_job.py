"""A job as a child of your own workflow: python3 run_job.py 2026-11-21 /data/requests.jsonl"""

import asyncio
import json
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


async def main(date: str, requests: str) -> None:
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
            sys.exit(f"No report: {error.cause}")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
