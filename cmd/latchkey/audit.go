package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

type auditCommands struct {
	Tail   auditTail   `cmd:"" help:"Show the last events."`
	Search auditSearch `cmd:"" help:"Find events."`
	Verify auditVerify `cmd:"" help:"Check that no line of the trail was changed or taken out."`
}

type auditTail struct {
	Lines int `short:"n" default:"20" help:"How many."`
}

func (a *auditTail) Run(ctx context.Context, c *console) error {
	return c.audit(ctx, url.Values{"limit": {strconv.Itoa(a.Lines)}})
}

type auditSearch struct {
	User   string        `help:"Of this user." placeholder:"USER"`
	Action string        `help:"Of this kind, as token.create." placeholder:"ACTION"`
	Text   string        `help:"Whose target, user, address or client holds this, in any case." placeholder:"TEXT"`
	Since  time.Duration `help:"Not older than this, as 24h." placeholder:"AGE"`
	Until  time.Duration `help:"Not newer than this, as 1h." placeholder:"AGE"`
	Limit  int           `default:"1000" help:"At most so many, the newest."`
}

func (a *auditSearch) Run(ctx context.Context, c *console) error {
	query := url.Values{"limit": {strconv.Itoa(a.Limit)}}
	if a.User != "" {
		query.Set("user", a.User)
	}
	if a.Action != "" {
		query.Set("action", a.Action)
	}
	if a.Text != "" {
		query.Set("text", a.Text)
	}
	now := time.Now().UTC()
	for key, age := range map[string]time.Duration{"since": a.Since, "until": a.Until} {
		if age > 0 {
			query.Set(key, now.Add(-age).Format(time.RFC3339))
		}
	}
	return c.audit(ctx, query)
}

func (c *console) audit(ctx context.Context, query url.Values) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var events page[auth.Event]
	if _, err := client.call(ctx, http.MethodGet, "/audit?"+query.Encode(), nil, &events); err != nil {
		return err
	}
	return printList(c, events.Items, "TIME ACTION RESULT USER CREDENTIAL TARGET ADDRESS CAUSE", func(e auth.Event) []string {
		return []string{stamp(e.Time), e.Action, e.Result, e.User, e.Credential, e.Target, e.Addr, e.Cause}
	})
}

type auditVerify struct{}

func (a *auditVerify) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var answer struct {
		OK    bool   `json:"ok"`
		Lines int    `json:"lines"`
		Fault string `json:"fault"`
	}
	raw, err := client.call(ctx, http.MethodGet, "/audit/verify", nil, &answer)
	if err != nil {
		return err
	}
	if !answer.OK {
		if c.json {
			if err := c.printJSON(raw); err != nil {
				return err
			}
		}
		return errors.New(answer.Fault)
	}
	return c.done(raw, "the audit trail is whole: %d lines", answer.Lines)
}
