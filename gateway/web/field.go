package web

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// field is one input of a form, with what is said about it.
type field struct {
	Name, Label string
	ID          string // in the page, where Name stands twice; empty: Name
	Type        string // of the input, or "area", "select", "radio", "check", "checks" (any of Options); empty: text
	Value       string
	Hint        string // shown under the label
	Problem     string // what is wrong with what was typed
	Complete    string // autocomplete
	Max         int    // characters
	Least       int    // of a new password: how many the rule asks for, shown as it is typed
	Own         int    // likewise: how many of them beside Words
	Words       string // likewise: what counts for nothing, with blanks between
	Rows        int    // of an area
	Required    bool
	Mono        bool // monospaced
	Chosen      bool // of a check
	Focus       bool
	Drop        bool     // an area into which a file can be dropped
	Options     []option // of a select, radio or checks
}

// option is one choice of a field.
type option struct {
	Value, Label string
	Hint         string // of a radio or checks
	Chosen       bool
}

// Key is the id of the input.
func (f field) Key() string {
	if f.ID != "" {
		return f.ID
	}
	return f.Name
}

// choice is one option of a radio or of checks, as an input of its own.
type choice struct {
	option
	ID, Name, Type string
	Focus          bool
}

// Choice is option i of a radio or of checks. The first takes the focus.
func (f field) Choice(i int) choice {
	c := choice{option: f.Options[i], ID: f.Key() + "-" + strconv.Itoa(i), Name: f.Name, Type: "checkbox", Focus: f.Focus && i == 0}
	if f.Type == "radio" {
		c.Type = "radio"
	}
	return c
}

// form is one form of a page.
type form struct {
	Action  string
	Button  string // what it does, as a verb
	Danger  bool
	Cancel  string // where to go instead; empty: nowhere
	Fields  []field
	Hidden  []hidden
	Problem string // above the fields
	Unlock  string // with Problem: where to unlock without leaving the form; empty: not so
	Sent    bool   // it comes back with what was typed, be the profile locked or not
	Watch   bool   // ask before the page is left with something typed
	Unsaved bool   // of Watch: something is typed already
}

// hidden is a value that a form carries along.
type hidden struct{ Name, Value string }

// onceField is the name of the field with a form's random id, by which a form
// that is sent again is known.
const onceField = "form"

// once is a new id of a form.
func once() hidden { return hidden{onceField, rand.Text()} }

// Field is the field of that name, for pages that place each by itself.
func (f form) Field(name string) field {
	i := slices.IndexFunc(f.Fields, func(in field) bool { return in.Name == name })
	if i < 0 {
		panic("web: no field " + name)
	}
	return f.Fields[i]
}

// Password is the field that a form has which found the profile locked; nil:
// none.
func (f form) Password() *field {
	i := slices.IndexFunc(f.Fields, func(in field) bool { return in.Name == passwordField })
	if i < 0 {
		return nil
	}
	return &f.Fields[i]
}

// names are those that the form may send.
func (f form) names() []string {
	names := []string{passwordField}
	for _, in := range f.Fields {
		if in.Type != "checks" {
			names = append(names, in.Name)
		}
	}
	for _, h := range f.Hidden {
		names = append(names, h.Name)
	}
	return names
}

// typed is the form with what was typed into it, but for passwords.
func (f form) typed(values url.Values) form {
	f.Fields, f.Sent = slices.Clone(f.Fields), true
	for i := range f.Fields {
		in := &f.Fields[i]
		switch in.Type {
		case "password":
		case "check":
			in.Chosen = values.Has(in.Name)
		default:
			in.Value, f.Unsaved = values.Get(in.Name), true
			in.Options = slices.Clone(in.Options)
			for j := range in.Options {
				in.Options[j].Chosen = slices.Contains(values[in.Name], in.Options[j].Value)
			}
		}
	}
	return f
}

// refused is f with what was typed and, beside its field, why it was
// refused. ok is false for an error that is not the person's to mend. A form
// that found the profile locked asks who has a password for it as well, and
// leads others to where they can unlock.
func (p *Pages) refused(w http.ResponseWriter, who auth.Identity, f form, err error, values url.Values) (_ form, status int, ok bool) {
	pr, ok := p.problemOf(w, err)
	if !ok {
		return f, 0, false
	}
	f = f.typed(values)
	if auth.CodeOf(err) == auth.Locked && !who.Unlockable {
		f.Problem, f.Unlock = lockedForm, unlockPath
		return f, pr.status, true
	}
	if pr.Field == passwordField && !slices.ContainsFunc(f.Fields, func(in field) bool { return in.Name == passwordField }) {
		f.Fields = append(f.Fields, field{
			Name: passwordField, ID: passwordField + "-" + strings.ReplaceAll(f.Button, " ", "-"), Label: "Your current password", Type: "password",
			Complete: "current-password", Required: true, Problem: pr.Text, Focus: true,
		})
		return f, pr.status, true
	}
	f.Problem = pr.Text
	for i := range f.Fields {
		if in := &f.Fields[i]; pr.Field != "" && in.Name == pr.Field {
			in.Problem, in.Focus, f.Problem = pr.Text, true, ""
		}
	}
	return f, pr.status, true
}

// secret is a secret as every page shows it: masked, with View and Copy. Its
// text is in the page only in answer to View.
type secret struct {
	ID, Label string
	Action    string // where View posts to; empty: Text is all there is
	Text      string // shown; empty: masked
}
