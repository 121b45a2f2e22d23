"""Follow-ups: workflows that are started for each result."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from message_batches import DataReference, FollowUpInput, load_result, read_result, text_of


@dataclass
class Grade:
    correct: bool


@workflow.defn(name="gradeAnswer")
class GradeAnswer:
    """Has the job's worker load the result."""

    @workflow.run
    async def run(self, input: FollowUpInput) -> Grade:
        result = await load_result(input)
        if result["type"] != "succeeded":
            raise ApplicationError(f"Got {result['type']}", non_retryable=True)
        return Grade(correct=input.metadata["expected"] in text_of(result["message"]))


@workflow.defn(name="countWords")
class CountWords:
    """Has an activity read the result by reference, so that no history holds it."""

    @workflow.run
    async def run(self, input: FollowUpInput) -> int:
        return await workflow.execute_activity(count_words, input.result, start_to_close_timeout=timedelta(minutes=1))


@activity.defn(name="countWords")
def count_words(reference: DataReference) -> int:
    result = read_result(reference)
    if result["type"] != "succeeded":
        raise ApplicationError(f"Got {result['type']}", non_retryable=True)
    return len(text_of(result["message"]).split())
