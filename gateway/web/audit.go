package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

const (
	auditPath       = adminPath + "/audit"
	verifyAuditPath = auditPath + "/verify"

	// Names in the query of the audit trail.
	userInQuery   = "user"
	actionInQuery = "action"
	textInQuery   = "text"
	sinceInQuery  = "since"

	actionIdentify = "identify" // a credential was refused; who showed it is not known
)

// auditPage is a page of the audit trail, newest first.
type auditPage struct {
	frame
	Kept    bool // there is a trail to be read
	Fields  []field
	Sought  bool // something was searched for
	Events  []auditRow
	Newest  string // the page that the trail begins with; empty: this is it
	Older   string // the page after this one; empty: there is none
	Checked string // what the check of the chain found
	Broken  bool
}

// auditRow is one event.
type auditRow struct {
	Said         string
	At           moment
	Word, User   string // By or For whom
	Addr, Client string
	Bad          string // refused or failed
	Fields       []fact
}

// auditKinds are what can be searched for, by the beginnings of actions.
var auditKinds = []option{
	{Value: "", Label: "Everything"},
	{Value: actionIdentify, Label: "Credentials that were refused"},
	{Value: "session.", Label: "Sign-ins and sessions"},
	{Value: "user.", Label: "Accounts"},
	{Value: "group.", Label: "Groups"},
	{Value: "password.", Label: "Passwords"},
	{Value: "email.", Label: "E-mail addresses"},
	{Value: "api_key.", Label: "API keys"},
	{Value: "token.", Label: "Tokens"},
	{Value: "ssh_key.", Label: "SSH keys"},
	{Value: "upstream.", Label: "Upstream credentials"},
	{Value: "web_login.", Label: "Programs signed in from a browser"},
	{Value: "request.", Label: "Requests that were refused"},
}

// ShowAudit is GET /ui/admin/audit?user=…&action=…&text=…&since=…&before=….
func (p *Pages) ShowAudit(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	query := r.URL.Query()
	page := auditPage{frame: p.admin("Audit", r, who, "Audit"), Kept: p.machine != nil, Fields: auditFields(query)}
	q, ok := auditQuery(query)
	if !ok {
		page.Fields[len(page.Fields)-1].Problem, page.Sought = "Write the day as 2030-01-31.", true
		return p.write(w, http.StatusBadRequest, "audit", page)
	}
	page.Sought = q != auth.EventQuery{}
	if page.Kept {
		if err := p.readAudit(r.Context(), who, &page, q, beforeOf(query)); err != nil {
			return err
		}
	}
	return p.write(w, http.StatusOK, "audit", page)
}

// auditFields are the fields of the search, as they were filled in.
func auditFields(query url.Values) []field {
	kinds := make([]option, len(auditKinds))
	known := false
	for i, o := range auditKinds {
		o.Chosen = o.Value == query.Get(actionInQuery)
		known = known || o.Chosen
		kinds[i] = o
	}
	if !known { // somebody who knows the trail wrote the address
		kinds = append(kinds, option{Value: query.Get(actionInQuery), Label: query.Get(actionInQuery), Chosen: true})
	}
	return []field{
		{Name: userInQuery, Label: "User", Value: query.Get(userInQuery), Max: auth.MaxName, Mono: true, Complete: "off"},
		{Name: actionInQuery, Label: "About", Type: "select", Options: kinds},
		{Name: textInQuery, Label: "Text", Value: query.Get(textInQuery), Max: 100, Complete: "off"},
		{Name: sinceInQuery, Label: "Since", Type: "date", Value: query.Get(sinceInQuery)},
	}
}

// auditQuery is what was searched for; ok is false where the last field, since,
// is no day.
func auditQuery(query url.Values) (q auth.EventQuery, ok bool) {
	q = auth.EventQuery{User: query.Get(userInQuery), Action: query.Get(actionInQuery), Text: query.Get(textInQuery)}
	if text := query.Get(sinceInQuery); text != "" {
		since, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return q, false
		}
		q.Since = since
	}
	return q, true
}

// readAudit fills in the events.
func (p *Pages) readAudit(ctx context.Context, who auth.Identity, page *auditPage, q auth.EventQuery, before int64) error {
	written, err := p.openAudit(ctx)
	if err != nil {
		return err
	}
	defer written.Close()
	found, err := p.auth.Trail.Page(ctx, who, written, q, before, eventsPerPage)
	if err != nil {
		return err
	}
	for _, e := range found.Events {
		page.Events = append(page.Events, p.auditRow(e))
	}
	if before > 0 {
		page.Newest = auditAt(page.Fields, 0)
	}
	if found.Older > 0 {
		page.Older = auditAt(page.Fields, found.Older)
	}
	return nil
}

func (p *Pages) openAudit(ctx context.Context) (auth.Written, error) {
	written, err := p.machine.OpenAudit(ctx)
	if err != nil {
		return nil, &auth.Error{Code: auth.Internal, Reason: "the audit trail cannot be opened", Err: err}
	}
	return written, nil
}

// auditAt is the address of a page of what fields search for.
func auditAt(fields []field, before int64) string {
	query := url.Values{}
	for _, f := range fields {
		value := f.Value
		for _, o := range f.Options {
			if o.Chosen {
				value = o.Value
			}
		}
		if value != "" {
			query.Set(f.Name, value)
		}
	}
	if before > 0 {
		query.Set(beforeInQuery, strconv.FormatInt(before, 10))
	}
	return withQuery(auditPath, query)
}

// auditRow is an event as the page shows it: a sentence, and all that stands
// in the trail behind it.
func (p *Pages) auditRow(e auth.Event) auditRow {
	row := auditRow{Said: e.Sentence(), At: p.moment(e.Time), Word: "By", User: e.User, Addr: e.Addr, Client: ClientWords(e.Client)}
	if e.Action == actionIdentify {
		row.Word = "For"
	}
	if e.Result != "ok" {
		row.Bad = e.Result
	}
	for _, f := range []fact{
		{"time", e.Time.UTC().Format(time.RFC3339Nano)}, {"action", e.Action}, {"result", e.Result}, {"user", e.User},
		{"credential", e.Credential}, {"target", e.Target}, {"address", e.Addr}, {"door", e.Door}, {"client", e.Client},
		{"request", e.Request}, {"cause", e.Cause}, {"chain", e.Chain},
	} {
		if f.Text != "" {
			row.Fields = append(row.Fields, f)
		}
	}
	return row
}

// VerifyAudit is POST /ui/admin/audit/verify. It changes nothing, and is a POST
// because it reads the whole trail.
func (p *Pages) VerifyAudit(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	page := auditPage{frame: p.admin("Audit", r, who, "Audit"), Kept: p.machine != nil, Fields: auditFields(nil)}
	page.Lock.Next = auditPath
	if !page.Kept {
		return p.write(w, http.StatusOK, "audit", page)
	}
	written, err := p.openAudit(r.Context())
	if err != nil {
		return err
	}
	defer written.Close()
	lines, err := p.auth.Trail.Verify(r.Context(), who, io.NewSectionReader(written, 0, written.Size()))
	_, refused := errors.AsType[*auth.Error](err)
	switch {
	case err == nil:
		page.Checked = "The audit trail is whole: " + plural(lines, "line") + ", each chained to the one before."
	case refused || r.Context().Err() != nil:
		return err
	default:
		page.Checked, page.Broken = sentence(err.Error())+" "+plural(lines, "line")+" before it "+holdWords(lines)+".", true
	}
	if err := p.readAudit(r.Context(), who, &page, auth.EventQuery{}, 0); err != nil {
		return err
	}
	return p.write(w, http.StatusOK, "audit", page)
}

func holdWords(lines int) string {
	if lines == 1 {
		return "holds"
	}
	return "hold"
}
