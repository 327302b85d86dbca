package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// upstreamsPath is where people keep what upstreams know them by.
const upstreamsPath = profilePath + "/upstreams"

// upstreamsPage is what the person shows to upstreams.
type upstreamsPage struct {
	frame
	Problem string
	Fixed   bool // the person may delete what there is, and nothing else
	Known   []upstreamPart
	Gone    []upstreamStored // of upstreams that are not here any more
}

// Sent reports that one of the forms comes back.
func (u upstreamsPage) Sent() bool {
	return slices.ContainsFunc(u.Known, func(part upstreamPart) bool { return part.Form.Sent })
}

// TestOf is where what is stored for an upstream is tried. The answer is shown
// from its section on.
func (upstreamsPage) TestOf(name string) string {
	return upstreamAt(name, "test") + "#" + url.PathEscape(upstreamPart{Name: name}.ID())
}

// upstreamPart is one upstream.
type upstreamPart struct {
	Name, Origin, Way, SignUp string
	Stored                    *upstreamStored // nil: nothing is
	Form                      form
	Test                      string // where the form goes to be tried
	Answer                    *upstreamAnswer
}

// upstreamStored is a name and secret that are kept.
type upstreamStored struct {
	Upstream, Name string
	Since          moment
	Stale          bool
	Delete         string // address
}

// upstreamAnswer is what became of a test.
type upstreamAnswer struct {
	Accepted bool
	Said     string
	Typed    bool // of what was typed, which is not stored
}

// upstreamAt is the address of an act on one upstream; empty: to store.
func upstreamAt(name, act string) string {
	at := upstreamsPath + "/" + url.PathEscape(name)
	if act != "" {
		at += "/" + act
	}
	return at
}

// ID is that of the upstream's section.
func (part upstreamPart) ID() string { return "upstream-" + part.Name }

// ShowUpstreams is GET /ui/profile/upstreams.
func (p *Pages) ShowUpstreams(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	page, err := p.upstreamsOf(r, who)
	if err != nil {
		return err
	}
	return p.write(w, http.StatusOK, "upstreams", page)
}

func (p *Pages) upstreamsOf(r *http.Request, who auth.Identity) (upstreamsPage, error) {
	user, err := p.auth.Users.Get(r.Context(), who, who.User)
	if err != nil {
		return upstreamsPage{}, err
	}
	stored, err := p.auth.Upstreams.List(r.Context(), who, who.User)
	if err != nil {
		return upstreamsPage{}, err
	}
	page := upstreamsPage{frame: p.profile("Upstreams", r, who, "Upstreams"), Fixed: profileKept(user, who)}
	for _, up := range p.auth.Upstreams.Known() {
		part := p.upstreamPart(up)
		if i := slices.IndexFunc(stored, func(c auth.UpstreamCredential) bool { return c.Upstream == up.Name }); i >= 0 {
			kept := p.upstreamStored(stored[i])
			part.Stored = &kept
			stored = slices.Delete(stored, i, i+1)
		}
		page.Known = append(page.Known, part)
	}
	for _, c := range stored {
		page.Gone = append(page.Gone, p.upstreamStored(c))
	}
	return page, nil
}

func (p *Pages) upstreamStored(c auth.UpstreamCredential) upstreamStored {
	return upstreamStored{Upstream: c.Upstream, Name: c.Name, Since: p.moment(c.Created), Stale: c.Stale, Delete: upstreamAt(c.Upstream, "delete")}
}

func (p *Pages) upstreamPart(up auth.Upstream) upstreamPart {
	part := upstreamPart{Name: up.Name, Origin: up.URL.Scheme + "://" + up.URL.Host, SignUp: up.SignUp}
	secret := field{
		Name: "secret", ID: "secret-" + up.Name, Label: "Secret", Type: "password", Required: true,
		// What browsers keep for this page is the password of this account.
		Complete: "new-password",
		Hint:     "A password or token of yours there. It is sent to " + part.Origin + " alone, and not shown again.",
	}
	part.Form = form{Action: upstreamAt(up.Name, ""), Button: "Save", Watch: true, Fields: []field{secret}}
	switch up.Send {
	case auth.UpstreamBasic:
		part.Way = "It asks for a name and secret."
		name := field{Name: "name", ID: "name-" + up.Name, Label: "Name", Required: true, Complete: "off", Max: auth.MaxUpstreamName, Hint: "Who you are there."}
		part.Form.Fields = []field{name, secret}
	case auth.UpstreamBearer:
		part.Way = "It asks for a token."
	case auth.UpstreamHeader:
		part.Way = "It asks for a secret in the header " + up.Header + "."
	}
	part.Test = upstreamAt(up.Name, "test")
	return part
}

// upstreamSent is the page, in it the upstream that the address names, and what
// was typed into its form.
func (p *Pages) upstreamSent(w http.ResponseWriter, r *http.Request, who auth.Identity) (page upstreamsPage, part *upstreamPart, values url.Values, err error) {
	if page, err = p.upstreamsOf(r, who); err != nil {
		return page, nil, nil, err
	}
	i := slices.IndexFunc(page.Known, func(part upstreamPart) bool { return part.Name == r.PathValue("upstream") })
	if i < 0 {
		return page, nil, nil, &auth.Error{Code: auth.NotFound, Reason: "there is no upstream of that name any more"}
	}
	part = &page.Known[i]
	values, err = readForm(w, r, part.Form.names()...)
	return page, part, values, err
}

// refusedUpstream is the page with the form as it was typed.
func (p *Pages) refusedUpstream(w http.ResponseWriter, who auth.Identity, page upstreamsPage, part *upstreamPart, values url.Values, err error) error {
	page.Lock = p.lockOf(lockedBy(who, err), upstreamsPath)
	f, status, ok := p.refused(w, who, part.Form, err, values)
	if !ok {
		return err
	}
	part.Form = f
	return p.write(w, status, "upstreams", page)
}

// SaveUpstream is POST /ui/profile/upstreams/{upstream}.
func (p *Pages) SaveUpstream(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	page, part, values, err := p.upstreamSent(w, r, who)
	if err != nil {
		return err
	}
	if who, err = p.unlockedBy(r, who, values); err == nil {
		_, err = p.auth.Upstreams.Set(r.Context(), who, who.User, part.Name, strings.TrimSpace(values.Get("name")), auth.NewSecret(values.Get("secret")))
	}
	if err != nil {
		return p.refusedUpstream(w, who, page, part, values, err)
	}
	return p.done(w, upstreamsPath, "upstream-saved")
}

// TestUpstream is POST /ui/profile/upstreams/{upstream}/test: of what was
// typed, or with an empty form of what is stored. Nothing is changed, so the
// answer is the page.
func (p *Pages) TestUpstream(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	page, part, values, err := p.upstreamSent(w, r, who)
	if err != nil {
		return err
	}
	typed := values.Has("secret")
	var answer auth.UpstreamAnswer
	switch who, err = p.unlockedBy(r, who, values); {
	case err != nil:
	case typed && values.Get("secret") == "":
		err = invalid("secret", "the secret is missing")
	default:
		answer, err = p.auth.Upstreams.Test(r.Context(), who, who.User, part.Name, strings.TrimSpace(values.Get("name")), auth.NewSecret(values.Get("secret")))
	}
	page.Lock = p.lockOf(lockedBy(who, err), upstreamsPath)
	switch {
	case err != nil && typed:
		return p.refusedUpstream(w, who, page, part, values, err)
	case err != nil:
		pr, ok := p.problemAbove(w, err)
		if !ok {
			return err
		}
		page.Problem = pr.Text
		return p.write(w, pr.status, "upstreams", page)
	}
	part.Answer = &upstreamAnswer{Accepted: answer.Accepted, Said: sentence(answer.Said), Typed: typed}
	if typed {
		part.Form = part.Form.typed(values)
		part.Form.Fields[len(part.Form.Fields)-1].Focus = true // the secret, which is typed again
	}
	return p.write(w, http.StatusOK, "upstreams", page)
}

// AskDeleteUpstream is GET /ui/profile/upstreams/{upstream}/delete.
func (p *Pages) AskDeleteUpstream(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	stored, err := p.auth.Upstreams.List(r.Context(), who, who.User)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(stored, func(c auth.UpstreamCredential) bool { return c.Upstream == r.PathValue("upstream") })
	if i < 0 {
		return p.done(w, upstreamsPath, "upstream-gone")
	}
	c := stored[i]
	page := confirmPage{
		frame: p.profile("Delete your credential for "+c.Upstream+"?", r, who, "Upstreams"),
		Said: []string{
			"What you do through Latchkey at " + c.Upstream + " is refused from then on, but for what everybody may do there.",
			"The secret itself goes on working there. If nothing else uses it, end it there as well.",
		},
		Form: form{Action: upstreamAt(c.Upstream, "delete"), Button: "Delete credential", Danger: true, Cancel: upstreamsPath},
	}
	if c.Name != "" {
		page.Facts = append(page.Facts, fact{"Name there", c.Name})
	}
	page.Facts = append(page.Facts, fact{"Stored", p.moment(c.Created).Words})
	return p.confirm(w, http.StatusOK, page)
}

// DeleteUpstream is POST /ui/profile/upstreams/{upstream}/delete.
func (p *Pages) DeleteUpstream(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	err := p.auth.Upstreams.Delete(r.Context(), who, who.User, r.PathValue("upstream"))
	switch {
	case err == nil:
		return p.done(w, upstreamsPath, "upstream-deleted")
	case auth.CodeOf(err) == auth.NotFound:
		return p.done(w, upstreamsPath, "upstream-gone")
	}
	pr, ok := p.problemAbove(w, err)
	if !ok {
		return err
	}
	page, also := p.upstreamsOf(r, lockedBy(who, err))
	if also != nil {
		return also
	}
	page.Problem = pr.Text
	return p.write(w, pr.status, "upstreams", page)
}
