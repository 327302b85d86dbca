package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/event"
)

// maxCell is the longest text in a table, in bytes; --json has all of it.
const maxCell = 200

// printJSON prints one JSON document.
func (c *console) printJSON(v any) error {
	e := json.NewEncoder(c.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printList prints items as a table with a heading, or as JSON in the API's
// own form.
func printList[T any](c *console, items []T, heading string, row func(T) []string) error {
	if c.json {
		return c.printJSON(page[T]{Items: items})
	}
	if len(items) == 0 {
		c.say("none")
		return nil
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ReplaceAll(heading, " ", "\t"))
	for _, item := range items {
		cells := row(item)
		for i := range cells {
			cells[i] = cell(cells[i])
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// field is one line of what printFields prints.
type field struct{ name, value string }

// printFields prints one thing, a line for each of its fields that is set, or
// as JSON.
func (c *console) printFields(v any, fields ...field) error {
	if c.json {
		return c.printJSON(v)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, f := range fields {
		if f.value != "" {
			fmt.Fprintf(w, "%s\t%s\n", f.name, event.Clean(f.value, 4*maxCell))
		}
	}
	return w.Flush()
}

// handOver prints a secret alone on standard output, or the API's whole answer
// as JSON; what there is to say goes to standard error.
func (c *console) handOver(raw json.RawMessage, secret auth.Secret, format string, args ...any) error {
	if c.json {
		return c.printJSON(raw)
	}
	if _, err := fmt.Fprintln(c.out, secret.Reveal()); err != nil {
		return err
	}
	c.say(format, args...)
	return nil
}

// done says on standard error what was done; with --json it prints what the
// API answered, or {}.
func (c *console) done(raw json.RawMessage, format string, args ...any) error {
	if c.json {
		if len(raw) == 0 {
			raw = json.RawMessage("{}")
		}
		return c.printJSON(raw)
	}
	c.say(format, args...)
	return nil
}

// say writes a line for the person.
func (c *console) say(format string, args ...any) {
	fmt.Fprintf(c.err, format+"\n", args...)
}

// cell makes text fit for a table: one line, and "-" where there is none.
func cell(text string) string {
	if text == "" {
		return "-"
	}
	return event.Clean(text, maxCell)
}

// stamp is a time for people, in UTC, to the second.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// ends is stamp for an expiry.
func ends(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return stamp(t)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func used(u auth.Use) string {
	return strings.TrimSpace(stamp(u.At) + " " + u.Addr)
}
