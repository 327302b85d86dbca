package gateway

import (
	"io"
	"net/http"
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
// limit says.
func (a *api) searchAudit(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	values, err := query(r, "user", "action", "since", "limit")
	if err != nil {
		return err
	}
	limit, err := pageSize(values)
	if err != nil {
		return err
	}
	q := auth.EventQuery{User: values.Get("user"), Action: values.Get("action")}
	if since := values.Get("since"); since != "" {
		if q.Since, err = time.Parse(time.RFC3339, since); err != nil {
			return invalid("since", "since must be a date as 2030-01-31T12:00:00Z (RFC 3339)")
		}
	}
	written, err := a.openAudit(r, who)
	if err != nil {
		return err
	}
	defer written.Close()
	newest := make([]auth.Event, 0, limit)
	seen := 0
	err = a.auth.Trail.Search(r.Context(), who, written, q, func(e auth.Event) error {
		if len(newest) < limit {
			newest = append(newest, e)
		} else {
			newest[seen%limit] = e
		}
		seen++
		return nil
	})
	if err != nil {
		return err
	}
	if seen > limit { // the ring begins where the next would have gone
		at := seen % limit
		newest = append(newest[at:len(newest):len(newest)], newest[:at]...)
	}
	return writeList(w, newest, "")
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
	lines, err := a.auth.Trail.Verify(r.Context(), who, written)
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
func (a *api) openAudit(r *http.Request, who auth.Identity) (io.ReadCloser, error) {
	if !who.Admin {
		return nil, &auth.Error{Code: auth.Forbidden, Reason: "only administrators read the audit trail"}
	}
	if a.machine == nil {
		return nil, &auth.Error{Code: auth.Unsupported, Reason: "the audit trail is not kept here"}
	}
	written, err := a.machine.OpenAudit(r.Context())
	if err != nil {
		return nil, &auth.Error{Code: auth.Internal, Reason: "the audit trail cannot be opened", Err: err}
	}
	return written, nil
}
