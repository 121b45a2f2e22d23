// Package messagebatches is what Go code needs to serve follow-ups of
// temporal-message-batches. Copy it into your own module.
package messagebatches

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/url"
	"os"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// DataReference says where data lies: an absolute path or a file: URL on the
// machine of the job's worker, or s3://bucket/key, and which bytes of it.
type DataReference struct {
	URI    string `json:"uri"`
	Offset int64  `json:"offset,omitempty"`
	// Length is absent where the data goes to the end.
	Length *int64 `json:"length,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// FollowUpInput is what a follow-up workflow gets. The result itself stays out
// of histories until LoadResult fetches it.
type FollowUpInput[Metadata any] struct {
	JobID    string `json:"jobId"`
	Round    int    `json:"round"`
	Part     int    `json:"part"`
	CustomID string `json:"customId"`
	// Outcome is succeeded, errored, canceled or expired.
	Outcome string `json:"outcome"`
	// Metadata is that of the request.
	Metadata Metadata `json:"metadata"`
	// Result is the result's line, Request the request's.
	Result  DataReference  `json:"result"`
	Request *DataReference `json:"request,omitempty"`
	// ActivityTaskQueue is that of the activity that LoadResult calls.
	ActivityTaskQueue string `json:"activityTaskQueue"`
}

// Result is what the API made of a request. Message is there where Type is succeeded.
type Result struct {
	Type    string   `json:"type"`
	Message *Message `json:"message,omitempty"`
}

// Message has the fields of an answer that the examples need.
type Message struct {
	Content []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	} `json:"content"`
}

// Text is all text of a result, its text blocks joined. A result that did not
// succeed has none: it gives an error that no retry mends.
func (r Result) Text() (string, error) {
	if r.Type != "succeeded" || r.Message == nil {
		return "", temporal.NewNonRetryableApplicationError("Got "+r.Type, "", nil)
	}
	var text strings.Builder
	for _, block := range r.Message.Content {
		if block.Type == "text" {
			text.WriteString(block.Text)
		}
	}
	return text.String(), nil
}

// line is a line of the API's results.
type line struct {
	Result Result `json:"result"`
}

// LoadResult has the job's worker load the result, for workflows. It then
// stands in the workflow's history.
func LoadResult[Metadata any](ctx workflow.Context, input FollowUpInput[Metadata]) (Result, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           input.ActivityTaskQueue,
		StartToCloseTimeout: 2 * time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{MaximumInterval: time.Minute},
		WaitForCancellation: true,
	})
	var loaded line
	err := workflow.ExecuteActivity(ctx, "messageBatches.loadResult", input.Result).Get(ctx, &loaded)
	return loaded.Result, err
}

// ReadResult reads the result from its file, for activities on a machine that
// has the job's files.
func ReadResult(reference DataReference) (Result, error) {
	path := reference.URI
	if strings.HasPrefix(path, "file:") {
		parsed, err := url.Parse(path)
		if err != nil {
			return Result{}, err
		}
		path = parsed.Path
	}
	file, err := os.Open(path)
	if err != nil {
		return Result{}, err
	}
	defer file.Close()
	length := int64(math.MaxInt64) - reference.Offset
	if reference.Length != nil {
		length = *reference.Length
	}
	var read line
	if err := json.NewDecoder(io.NewSectionReader(file, reference.Offset, length)).Decode(&read); err != nil {
		return Result{}, fmt.Errorf("no result at byte %d of %s: %w", reference.Offset, path, err)
	}
	return read.Result, nil
}
