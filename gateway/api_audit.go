package gateway

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// auditAnswer tells whether the audit trail is whole. Fault names the first line
// that is not.
type auditAnswer struct {
	OK    bool   `json:"ok"`
	Lines int    `json:"lines"`
	Fault string `json:"fault,omitempty"`
}

// searchAudit answers the newest events that match, oldest first, as many as
// limit says. What is older is read only as far as it takes.
func (a *api) searchAudit(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	values, err := query(r, "user", "action", "text", "since", "until", "limit")
	if err != nil {
		return err
	}
	limit, err := pageSize(values)
	if err != nil {
		return err
	}
	q := auth.EventQuery{User: values.Get("user"), Action: values.Get("action"), Text: values.Get("text")}
	if q.Since, err = moment(values, "since"); err != nil {
		return err
	}
	if q.Until, err = moment(values, "until"); err != nil {
		return err
	}
	written, err := a.openAudit(r, who)
	if err != nil {
		return err
	}
	defer written.Close()
	found := []auth.Event{}
	for before := int64(0); ; {
		page, err := a.auth.Trail.Page(r.Context(), who, written, q, before, limit-len(found))
		if err != nil {
			return err
		}
		found = append(found, page.Events...)
		if before = page.Older; before == 0 || len(found) == limit {
			break
		}
	}
	slices.Reverse(found)
	return writeList(w, found, "")
}

// moment reads a date of the query; the zero time where there is none.
func moment(values url.Values, key string) (time.Time, error) {
	text := values.Get(key)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, invalid(key, "%s must be a date as 2030-01-31T12:00:00Z (RFC 3339)", key)
	}
	return at, nil
}

// activity is what an account did and what was done to it, newest first.
type activity struct {
	Items []auth.Event `json:"items"`
	Next  string       `json:"next"` // as before, for the following page; empty at the end
}

// listActivity may answer a page that is short, or empty, and not the last.
func (a *api) listActivity(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	values, err := query(r, "before", "limit")
	if err != nil {
		return err
	}
	limit, err := pageSize(values)
	if err != nil {
		return err
	}
	var before int64
	if text := values.Get("before"); text != "" {
		if before, err = strconv.ParseInt(text, 10, 64); err != nil || before < 1 {
			return invalid("before", "before is next of the page before")
		}
	}
	if a.machine == nil {
		return notKept()
	}
	written, err := a.machine.OpenAudit(r.Context())
	if err != nil {
		return notOpened(err)
	}
	defer written.Close()
	page, err := a.auth.Trail.Activity(r.Context(), who, owner(r), written, before, limit)
	if err != nil {
		return err
	}
	answer := activity{Items: page.Events}
	if page.Older > 0 {
		answer.Next = strconv.FormatInt(page.Older, 10)
	}
	return writeJSON(w, http.StatusOK, answer)
}

// verifyAudit answers 200 also for a trail that is broken: the check was made.
func (a *api) verifyAudit(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := query(r); err != nil {
		return err
	}
	written, err := a.openAudit(r, who)
	if err != nil {
		return err
	}
	defer written.Close()
	lines, err := a.auth.Trail.Verify(r.Context(), who, io.NewSectionReader(written, 0, written.Size()))
	switch {
	case err == nil:
		return writeJSON(w, http.StatusOK, auditAnswer{OK: true, Lines: lines})
	case auth.CodeOf(err) != auth.Internal || r.Context().Err() != nil:
		return err
	}
	return writeJSON(w, http.StatusOK, auditAnswer{Lines: lines, Fault: err.Error()})
}

// openAudit opens what has been written of the trail. Where nothing can be
// opened, only administrators learn so.
func (a *api) openAudit(r *http.Request, who auth.Identity) (auth.Written, error) {
	if !who.Admin {
		return nil, &auth.Error{Code: auth.Forbidden, Reason: "only administrators read the audit trail"}
	}
	if a.machine == nil {
		return nil, notKept()
	}
	written, err := a.machine.OpenAudit(r.Context())
	if err != nil {
		return nil, notOpened(err)
	}
	return written, nil
}

func notKept() error {
	return &auth.Error{Code: auth.Unsupported, Reason: "the audit trail is not kept here"}
}

func notOpened(err error) error {
	return &auth.Error{Code: auth.Internal, Reason: "the audit trail cannot be opened", Err: err}
}
