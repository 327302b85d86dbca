package sshd

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/event"
)

const (
	maxCell   = 60 // bytes of one field in a list
	timeShown = "2006-01-02 15:04"
)

// verb is what can be done with a noun.
type verb struct {
	name  string
	usage string
	run   func(ctx context.Context, c *call, args []string) error
}

// nouns runs the verb that the first word after the noun names.
func nouns(verbs []verb) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error {
		args, err := splitWords(c.line)
		if err != nil {
			return err
		}
		names := make([]string, len(verbs))
		for i, v := range verbs {
			if len(args) > 0 && args[0] == v.name {
				return v.run(ctx, c, args[1:])
			}
			names[i] = v.name
		}
		return wrong("%s needs one of: %s", c.name, strings.Join(names, ", "))
	}
}

// whoamiAnswer is whoami's JSON.
type whoamiAnswer struct {
	User        string     `json:"user"`
	DisplayName string     `json:"display_name,omitempty"`
	Email       string     `json:"email,omitempty"`
	Groups      []string   `json:"groups"`
	Admin       bool       `json:"admin"`
	Credential  credential `json:"credential"`
	Expires     time.Time  `json:"expires,omitzero"`
}

type credential struct {
	Kind auth.Kind `json:"kind"`
	ID   string    `json:"id"`
}

func whoami(_ context.Context, c *call) error {
	args, err := splitWords(c.line)
	if err != nil {
		return err
	}
	asJSON, err := c.plain(args)
	if err != nil {
		return err
	}
	w := c.who
	if !asJSON {
		fmt.Fprintln(&c.out, event.Clean(w.User, maxCell*2))
		return nil
	}
	return c.json(whoamiAnswer{
		User: w.User, DisplayName: w.Name, Email: w.Email, Groups: append([]string{}, w.Groups...), Admin: w.Admin,
		Credential: credential{w.Via.Kind, w.Via.ID}, Expires: w.Expires,
	})
}

func help(_ context.Context, c *call) error {
	t := tabwriter.NewWriter(&c.out, 0, 0, 2, ' ', 0)
	for _, w := range c.server.words {
		fmt.Fprintf(t, "%s %s\t%s\n", w.name, w.usage, w.about)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(&c.out, "\ntoken create [--scope S] [--expires 30d|24h|never] [--description D] [--reference]\n"+
		"Lists and answers come as JSON with --json. All else, your keys too: %s/ui/\n", c.server.base)
	return nil
}

// plain reads the words of a verb that takes no arguments, but perhaps --json.
func (c *call) plain(words []string) (asJSON bool, err error) {
	rest, err := flags{switches: map[string]*bool{"json": &asJSON}}.parse(words)
	if err == nil && len(rest) > 0 {
		err = wrong("%q is too much", rest[0])
	}
	return asJSON, err
}

// one reads the words of a verb that takes one id, and perhaps --json.
func (c *call) one(words []string, what string) (id string, asJSON bool, err error) {
	rest, err := flags{switches: map[string]*bool{"json": &asJSON}}.parse(words)
	switch {
	case err != nil:
		return "", false, err
	case len(rest) == 0:
		return "", false, wrong("say which %s: its id stands in the list", what)
	case len(rest) > 1:
		return "", false, wrong("%q is too much", rest[1])
	}
	return rest[0], asJSON, nil
}

// gone is the answer to what ended something.
func (c *call) gone(asJSON bool, id, done string) error {
	if asJSON {
		return c.json(map[string]string{"id": id, "result": done})
	}
	fmt.Fprintln(&c.out, done)
	return nil
}

// writeItems writes items as JSON or as a table with a head, row for row. What would
// make the output too long is left out, and that is said on stderr.
func writeItems[T any](c *call, items []T, asJSON bool, head string, row func(T) []string) error {
	shown := 0
	if asJSON {
		c.out.WriteString(`{"items":[`)
		for _, item := range items {
			text, err := json.Marshal(item)
			if err != nil {
				return err
			}
			if text = asciiJSON(text); c.out.Len()+len(text) > maxOutput {
				break
			}
			if shown > 0 {
				c.out.WriteByte(',')
			}
			c.out.Write(text)
			shown++
		}
		c.out.WriteString("],\"next\":\"\"}\n")
	} else {
		t := tabwriter.NewWriter(&c.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, head)
		size := len(head)
		for _, item := range items {
			cells := row(item)
			for i := range cells {
				if cells[i] = event.Clean(cells[i], maxCell); cells[i] == "" {
					cells[i] = "-"
				}
				size += maxCell + 2
			}
			if size > maxOutput {
				break
			}
			fmt.Fprintln(t, strings.Join(cells, "\t"))
			shown++
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if left := len(items) - shown; left > 0 {
		c.complain(fmt.Sprintf("%d more are not shown", left))
	}
	return nil
}

// when is a time in a table.
func when(t time.Time, zero string) string {
	if t.IsZero() {
		return zero
	}
	return t.UTC().Format(timeShown)
}
