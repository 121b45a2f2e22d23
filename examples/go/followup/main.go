// Follow-ups, workflows that are started for each result, served on the task
// queue "grading". Where Temporal is, TEMPORAL_ADDRESS says.
package main

import (
	"log"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	mb "message-batches-examples/messagebatches"
)

// Question is the metadata of the requests.
type Question struct {
	Expected string `json:"expected"`
}

// Grade is small: what a follow-up returns is collected.
type Grade struct {
	Correct bool `json:"correct"`
}

// GradeAnswer has the job's worker load the result.
func GradeAnswer(ctx workflow.Context, input mb.FollowUpInput[Question]) (*Grade, error) {
	if input.Metadata.Expected == "" {
		return nil, temporal.NewNonRetryableApplicationError("'expected' is missing in the metadata", "", nil)
	}
	result, err := mb.LoadResult(ctx, input)
	if err != nil {
		return nil, err
	}
	text, err := result.Text()
	if err != nil {
		return nil, err
	}
	return &Grade{Correct: strings.Contains(text, input.Metadata.Expected)}, nil
}

// CountWords has an activity read the result by reference, so that no history holds it.
func CountWords(ctx workflow.Context, input mb.FollowUpInput[any]) (words int, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	err = workflow.ExecuteActivity(ctx, "countWords", input.Result).Get(ctx, &words)
	return words, err
}

func countWords(reference mb.DataReference) (int, error) {
	result, err := mb.ReadResult(reference)
	if err != nil {
		return 0, err
	}
	text, err := result.Text()
	return len(strings.Fields(text)), err
}

func main() {
	c, err := client.Dial(envconfig.MustLoadDefaultClientOptions())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	w := worker.New(c, "grading", worker.Options{
		// A panic fails its one follow-up. By default it would be tried for ever, and the job would wait.
		WorkflowPanicPolicy: worker.FailWorkflow,
	})
	w.RegisterWorkflowWithOptions(GradeAnswer, workflow.RegisterOptions{Name: "gradeAnswer"})
	w.RegisterWorkflowWithOptions(CountWords, workflow.RegisterOptions{Name: "countWords"})
	w.RegisterActivityWithOptions(countWords, activity.RegisterOptions{Name: "countWords"})
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatal(err)
	}
}
