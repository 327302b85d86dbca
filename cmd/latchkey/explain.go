package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/event"
)

type explainCommands struct {
	Job explainJob `cmd:"" help:"Show which mapping a CI job's own token hits, and why not the others."`
}

// maxJobToken bounds what is read as a token, in bytes; the daemon's own limit
// is lower.
const maxJobToken = 64 << 10

type explainJob struct {
	File string `arg:"" optional:"" help:"File with the token; - or nothing: standard input. A token on the command line could be seen by others." placeholder:"FILE"`
}

// Run ends with exit 0 when a mapping is hit, and 4 when none is.
func (e *explainJob) Run(ctx context.Context, c *console) error {
	token, err := e.token(c)
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	var findings page[auth.JobFinding]
	raw, err := client.call(ctx, http.MethodPost, "/explain/job", map[string]string{"token": token.Reveal()}, &findings)
	if err != nil {
		return err
	}
	if c.json {
		err = c.printJSON(raw)
	} else {
		err = printFindings(c, findings.Items)
	}
	switch {
	case err != nil:
		return err
	case len(findings.Items) == 0:
		return &failure{exitRefused, errors.New("no jobs are configured: write them under the key jobs")}
	case !slices.ContainsFunc(findings.Items, func(f auth.JobFinding) bool { return f.Hit }):
		return &failure{exitRefused, errors.New("no mapping is hit")}
	}
	return nil
}

// token reads the job's token.
func (e *explainJob) token(c *console) (auth.Secret, error) {
	in := c.in
	if e.File != "" && e.File != "-" {
		if auth.FormOf(e.File) == auth.FormJWT {
			return auth.Secret{}, usagef("the token comes from a file or from standard input, not from the command line, where others can see it")
		}
		f, err := os.Open(e.File)
		if err != nil {
			return auth.Secret{}, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxJobToken+1))
	if err != nil {
		return auth.Secret{}, err
	}
	token := strings.TrimSpace(string(text))
	if token == "" || len(token) > maxJobToken {
		return auth.Secret{}, usagef("that is no token: give the job's id_token in a file or on standard input")
	}
	return auth.NewSecret(token), nil
}

// printFindings prints a line for each mapping, and below it why it is not hit.
func printFindings(c *console, findings []auth.JobFinding) error {
	for _, f := range findings {
		name, answer := f.Provider, "no"
		if f.Mapping != "" {
			name += "/" + f.Mapping
		}
		if f.Hit {
			answer = "hit"
		}
		if _, err := fmt.Fprintf(c.out, "%s: %s\n", cell(name), answer); err != nil {
			return err
		}
		for _, why := range f.Why {
			if _, err := fmt.Fprintf(c.out, "  %s\n", event.Clean(why, 4*maxCell)); err != nil {
				return err
			}
		}
	}
	return nil
}
