package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/latchkey-io/latchkey/auth"
)

type upstreamCommands struct {
	List   upstreamList   `cmd:"" help:"List the upstreams that know people by accounts of their own, and a user's names there."`
	Set    upstreamSet    `cmd:"" help:"Store a user's name and secret for an upstream; the secret is asked for, or read from standard input."`
	Test   upstreamTest   `cmd:"" help:"Ask an upstream once whether it takes a name and secret; exit 0 or 1."`
	Delete upstreamDelete `cmd:"" help:"Delete a user's name and secret for an upstream."`
}

// upstreamRow is an upstream, and what a user has stored for it.
type upstreamRow struct {
	Upstream string    `json:"upstream"`
	URL      string    `json:"url,omitempty"`
	Send     string    `json:"send,omitempty"`
	Header   string    `json:"header,omitempty"`
	SignUp   string    `json:"sign_up,omitempty"`
	Stored   bool      `json:"stored"`
	Name     string    `json:"name,omitempty"`
	Created  time.Time `json:"created,omitzero"`
	Stale    bool      `json:"stale,omitempty"`
}

// state is what a person needs to know of a row.
func (r upstreamRow) state() string {
	switch {
	case r.Stale && r.URL == "":
		return "the upstream is gone: delete it"
	case r.Stale:
		return "the upstream has changed: enter it again"
	case r.Stored:
		return "stored"
	}
	return "none"
}

type upstreamList struct{ whose }

func (u *upstreamList) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	known, err := list[struct {
		Name   string `json:"name"`
		URL    string `json:"url"`
		Send   string `json:"send"`
		Header string `json:"header"`
		SignUp string `json:"sign_up"`
	}](ctx, client, "/upstreams", nil)
	if err != nil {
		return err
	}
	credentials, err := listOf[auth.UpstreamCredential](ctx, client, u.whose, "/upstreams")
	if err != nil {
		return err
	}
	stored := map[string]auth.UpstreamCredential{}
	for _, s := range credentials {
		stored[s.Upstream] = s
	}
	rows := []upstreamRow{}
	for _, k := range known {
		row := upstreamRow{Upstream: k.Name, URL: k.URL, Send: k.Send, Header: k.Header, SignUp: k.SignUp}
		if s, ok := stored[k.Name]; ok {
			row.Stored, row.Name, row.Created, row.Stale = true, s.Name, s.Created, s.Stale
			delete(stored, k.Name)
		}
		rows = append(rows, row)
	}
	for _, s := range credentials { // in their order
		if _, gone := stored[s.Upstream]; gone {
			rows = append(rows, upstreamRow{Upstream: s.Upstream, Stored: true, Name: s.Name, Created: s.Created, Stale: s.Stale})
		}
	}
	return printList(c, rows, "UPSTREAM URL SEND NAME STORED STATE", func(r upstreamRow) []string {
		return []string{r.Upstream, r.URL, r.Send, r.Name, stamp(r.Created), r.state()}
	})
}

// ofUpstream is what a user has for one upstream.
type ofUpstream struct {
	User     string `arg:"" help:"The user; me is yourself."`
	Upstream string `arg:"" help:"The upstream's name, as upstream list shows it."`
}

func (o ofUpstream) path(rest string) string {
	return whose{o.User}.path("/upstreams/" + seg(o.Upstream) + rest)
}

// upstreamPair is what the API takes for a name and secret.
type upstreamPair struct {
	Name   string `json:"name,omitempty"`
	Secret string `json:"secret"`
}

type upstreamSet struct {
	ofUpstream
	Name string `help:"The name that goes with the secret; not needed where the secret is sent alone." placeholder:"NAME"`
}

func (u *upstreamSet) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	secret, err := c.askSecret("secret for " + cell(u.Upstream) + ": ")
	if err != nil {
		return err
	}
	raw, err := client.call(ctx, http.MethodPut, u.path(""), upstreamPair{u.Name, secret.Reveal()}, nil)
	if err != nil {
		return err
	}
	return c.done(raw, "stored for %s; try it with: latchkey upstream test %s %s", u.Upstream, u.User, u.Upstream)
}

type upstreamTest struct {
	ofUpstream
	Entered bool   `help:"Test a secret that is asked for, or read from standard input, and store nothing; without this, what is stored is tested."`
	Name    string `help:"With --entered: the name that goes with it." placeholder:"NAME"`
}

func (u *upstreamTest) Run(ctx context.Context, c *console) error {
	if u.Name != "" && !u.Entered {
		return usagef("--name goes with --entered: without it, the stored name and secret are tested")
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	var body any
	if u.Entered {
		secret, err := c.askSecret("secret for " + cell(u.Upstream) + ": ")
		if err != nil {
			return err
		}
		body = upstreamPair{u.Name, secret.Reveal()}
	}
	var answer auth.UpstreamAnswer
	raw, err := client.call(ctx, http.MethodPost, u.path("/test"), body, &answer)
	if err != nil {
		return err
	}
	if c.json {
		err = c.printJSON(raw)
	} else {
		_, err = fmt.Fprintln(c.out, answer.Said)
	}
	if err == nil && !answer.Accepted {
		return &failure{code: exitFailed}
	}
	return err
}

type upstreamDelete struct{ ofUpstream }

func (u *upstreamDelete) Run(ctx context.Context, c *console) error {
	return c.act(ctx, http.MethodDelete, u.path(""), "deleted the name and secret of %s for %s", u.User, u.Upstream)
}

// askSecret reads a secret: without echo at a terminal, else all of standard
// input.
func (c *console) askSecret(prompt string) (auth.Secret, error) {
	f, ok := c.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return readSecret(c.in, "the secret on standard input")
	}
	fmt.Fprint(c.err, prompt)
	text, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(c.err)
	if err != nil {
		return auth.Secret{}, fmt.Errorf("read secret: %w", err)
	}
	return auth.NewSecret(string(text)), nil
}
