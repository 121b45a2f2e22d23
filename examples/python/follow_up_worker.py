"""Serves the follow-ups on the task queue `grading`. Where Temporal is, TEMPORAL_ADDRESS says."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.worker import Worker

from follow_ups import CountWords, GradeAnswer, count_words


async def main() -> None:
    client = await Client.connect(**ClientConfig.load_client_connect_config())
    with ThreadPoolExecutor(max_workers=10) as threads:
        worker = Worker(
            client,
            task_queue="grading",
            workflows=[GradeAnswer, CountWords],
            activities=[count_words],
            activity_executor=threads,
            max_concurrent_activities=10,
            # Any error fails its one follow-up. By default, one of Python's own would be tried for ever, and the job would wait.
            workflow_failure_exception_types=[Exception],
        )
        await worker.run()


if __name__ == "__main__":
    asyncio.run(main())
