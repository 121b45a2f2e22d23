// A job as a child of your own workflow: go run ./runjob 2026-11-21 /data/requests.jsonl
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"os"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// Job has the fields of batchJobWorkflow's input that are used here.
type Job struct {
	Requests string   `json:"requests"`
	FollowUp FollowUp `json:"followUp"`
}

// FollowUp says which results start which workflow.
type FollowUp struct {
	Workflow  string   `json:"workflow"`
	TaskQueue string   `json:"taskQueue"`
	On        []string `json:"on"`
}

// NightlyGrading runs a job with a follow-up for each result that succeeded,
// and returns its report as it is.
func NightlyGrading(ctx workflow.Context, date, requests string) (report json.RawMessage, err error) {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: "grading-" + date,
		TaskQueue:  "message-batches",
		// A cancel waits until the job has canceled its batches.
		WaitForCancellation: true,
		// By default, a job whose parent is terminated would be too, without canceling its batches.
		ParentClosePolicy: enums.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
	})
	job := Job{Requests: requests, FollowUp: FollowUp{Workflow: "gradeAnswer", TaskQueue: "grading", On: []string{"succeeded"}}}
	err = workflow.ExecuteChildWorkflow(ctx, "batchJobWorkflow", job).Get(ctx, &report)
	return report, err
}

func run(date, requests string) (report json.RawMessage, err error) {
	options := envconfig.MustLoadDefaultClientOptions()
	// By default Temporal logs to stdout, where the report goes.
	options.Logger = sdklog.NewStructuredLogger(slog.Default())
	c, err := client.Dial(options)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	w := worker.New(c, "nightly", worker.Options{})
	w.RegisterWorkflow(NightlyGrading)
	if err := w.Start(); err != nil {
		return nil, err
	}
	defer w.Stop()
	// The same command again goes on waiting for the one that runs.
	start := client.StartWorkflowOptions{ID: "nightly-" + date, TaskQueue: "nightly", WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING}
	started, err := c.ExecuteWorkflow(context.Background(), start, NightlyGrading, date, requests)
	if err != nil {
		return nil, err
	}
	err = started.Get(context.Background(), &report)
	return report, err
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: runjob DATE REQUESTS")
	}
	report, err := run(os.Args[1], os.Args[2])
	if err != nil {
		log.Fatalf("no report: %v", err)
	}
	fmt.Println(string(report))
}
