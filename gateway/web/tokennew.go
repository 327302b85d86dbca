package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// newTokenPage is the form that a token is made with.
type newTokenPage struct {
	frame
	Form   form
	Groups bool // the person is in groups
}

// What a token may do, as the form asks for it.
const (
	mayAll        = "user"
	mayGroups     = "groups"
	mayRepository = "repository"
	mayScope      = "scope"
)

// tokenForm is the form as it is before anything is typed.
func (p *Pages) tokenForm(who auth.Identity) form {
	whole := option{Value: mayAll, Label: "Everything you may do", Chosen: true}
	if who.Admin {
		whole.Hint = "With the rights of an administrator, as long as you are one."
	}
	may := []option{whole}
	var groups []option
	for _, g := range who.Groups {
		groups = append(groups, option{Value: g, Label: g})
	}
	if len(groups) > 0 {
		may = append(may, option{Value: mayGroups, Label: "Only what some of your groups may do"})
	}
	may = append(may,
		option{Value: mayRepository, Label: "Only read one repository", Hint: "For Git LFS. It opens nothing else here."},
		option{Value: mayScope, Label: "Another scope"})
	return form{
		Action: tokensPath, Button: "Generate token", Cancel: profilePath + "#tokens",
		Hidden: []hidden{once()},
		Fields: []field{
			{Name: "description", Label: "Description", Hint: "What it is for and where it will be kept, so that you know it again.", Required: true, Max: 200, Complete: "off"},
			{Name: "expires", Label: "Ends", Type: "select", Hint: p.atMost(), Options: p.lives()},
			{Name: "date", Label: "Last day", Type: "date", Hint: "It works until the end of that day, UTC."},
			{Name: "may", Label: "What it may do", Type: "radio", Options: may},
			{Name: "groups", Label: "Groups", Type: "checks", Options: groups},
			{Name: "repository", Label: "Repository", Hint: "As team/assets, or with its route as lfs/team/assets. * stands for any characters but /, ** for any.", Mono: true, Max: 200, Complete: "off"},
			{Name: "write", Label: "It may write there too", Type: "check"},
			{Name: "scope", Label: "Scope", Hint: "Parts separated by spaces: applied-permissions/groups:NAME, artifact:NAME:r,w,d, system:metrics:r.", Mono: true, Max: auth.MaxScope, Complete: "off"},
		},
	}
}

// lives are the ends that a token can be given, the usual one chosen.
func (p *Pages) lives() []option {
	policy := p.auth.Policy()
	usual, now := policy.TokenLife(), p.now()
	var all []option
	add := func(life time.Duration, value, words string) {
		if life == auth.Endless {
			all = append(all, option{Value: value, Label: words, Chosen: usual == life})
			return
		}
		if policy.TokenMax > 0 && life > policy.TokenMax {
			return
		}
		all = append(all, option{Value: value, Label: "in " + words + ", " + dateOf(now.Add(life)), Chosen: usual == life})
	}
	for _, days := range []int{7, 30, 90} {
		add(time.Duration(days)*day, strconv.Itoa(days), plural(days, "day"))
	}
	add(365*day, "365", "1 year")
	if policy.TokenMax == 0 {
		add(auth.Endless, "never", "never: only when it is revoked")
	}
	if !slices.ContainsFunc(all, func(o option) bool { return o.Chosen }) {
		add(usual, "usual", lasting(usual)+" (usual here)")
	}
	return append(all, option{Value: "date", Label: "on a day that you choose"})
}

// atMost says how long tokens may live here, where that is bounded.
func (p *Pages) atMost() string {
	if most := p.auth.Policy().TokenMax; most > 0 {
		return "Tokens live at most " + lasting(most) + " here."
	}
	return ""
}

// lasting is a span of time in its largest unit, rounded down.
func lasting(d time.Duration) string {
	switch {
	case d >= 2*day:
		return plural(int(d/day), "day")
	case d >= 2*time.Hour:
		return plural(int(d/time.Hour), "hour")
	}
	return plural(int(d/time.Minute), "minute")
}

// AskToken is GET /ui/profile/tokens/new.
func (p *Pages) AskToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return p.newToken(w, r, http.StatusOK, who, p.tokenForm(who))
}

func (p *Pages) newToken(w http.ResponseWriter, r *http.Request, status int, who auth.Identity, f form) error {
	return p.write(w, status, "tokennew", newTokenPage{
		frame: p.profile("Generate an identity token", r, who, "Credentials"),
		Form:  f, Groups: len(f.Field("groups").Options) > 0,
	})
}

// MakeToken is POST /ui/profile/tokens. Its answer shows the token.
func (p *Pages) MakeToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	f := p.tokenForm(who)
	values, err := readFormWith(w, r, []string{"groups"}, f.names()...)
	if err != nil {
		return err
	}
	who, err = p.unlockedBy(r, who, values)
	var n auth.NewToken
	if err == nil {
		n, err = p.wished(who, values)
	}
	if err == nil {
		err = p.auth.Sessions.Once(r.Context(), who, values.Get(onceField))
		if auth.CodeOf(err) == auth.Exists {
			return p.sentBefore(w, r, who)
		}
	}
	var tok auth.Token
	if err == nil {
		tok, err = p.auth.Tokens.Create(r.Context(), who, n)
	}
	if err != nil {
		return p.refusedToken(w, r, who, f, values, err)
	}
	return p.showToken(w, r, who, tok, "Your new identity token")
}

// refusedToken is the form once more.
func (p *Pages) refusedToken(w http.ResponseWriter, r *http.Request, who auth.Identity, f form, values url.Values, err error) error {
	f, status, ok := p.refused(w, who, f, p.tokenFault(err, values), values)
	if !ok {
		return err
	}
	return p.newToken(w, r, status, lockedBy(who, err), f)
}

// tokenFault is err beside the field that was typed into.
func (p *Pages) tokenFault(err error, values url.Values) error {
	refusal, ok := errors.AsType[*auth.Error](err)
	if !ok {
		return err
	}
	told := *refusal
	switch refusal.Field {
	case "expires_in":
		if told.Field = "expires"; values.Get("expires") == "date" {
			told.Field = "date"
		}
		if refusal.Code == auth.Forbidden && p.atMost() != "" {
			told.Reason = p.atMost()
		}
	case "scope":
		if values.Get("may") == mayRepository {
			told.Field = "repository"
		}
	}
	return &told
}

// wished reads what token the form asks for.
func (p *Pages) wished(who auth.Identity, values url.Values) (auth.NewToken, error) {
	n := auth.NewToken{Description: strings.TrimSpace(values.Get("description")), Reference: true}
	if n.Description == "" {
		return n, invalid("description", "say what the token is for, so that you know it again")
	}
	var err error
	if n.Life, err = p.wishedLife(values); err != nil {
		return n, err
	}
	n.Scope, err = wishedScope(who, values)
	return n, err
}

func (p *Pages) wishedLife(values url.Values) (time.Duration, error) {
	switch v := values.Get("expires"); v {
	case "never":
		return auth.Endless, nil
	case "usual":
		return p.auth.Policy().TokenLife(), nil
	case "7", "30", "90", "365":
		days, err := strconv.Atoi(v)
		return time.Duration(days) * day, err
	case "date":
		ends, err := p.lastDay("date", values.Get("date"))
		if err != nil {
			return 0, err
		}
		life := ends.Sub(p.now().Truncate(time.Second))
		if most := p.auth.Policy().TokenMax; most > 0 && life > most {
			return 0, invalid("date", p.atMost()+" Choose an earlier day.")
		}
		return life, nil
	}
	return 0, invalid("expires", "choose when the token ends")
}

// wishedScope is the scope that the form asks for.
func wishedScope(who auth.Identity, values url.Values) (string, error) {
	switch values.Get("may") {
	case mayAll:
		return auth.UserScope.String(), nil
	case mayGroups:
		groups := values["groups"]
		if len(who.Groups) == 0 {
			return "", invalid("may", "you are in no group any more; choose something else")
		}
		if len(groups) == 0 {
			return "", invalid("groups", "choose at least one group")
		}
		for _, g := range groups {
			if !slices.Contains(who.Groups, g) {
				return "", invalid("groups", "you are not in the group "+shortened(g, maxName)+" any more; choose again")
			}
		}
		return auth.Scopes{{Kind: auth.ScopeGroups, Groups: groups}}.String(), nil
	case mayRepository:
		name := strings.Trim(strings.TrimSpace(values.Get("repository")), "/")
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(repositoryLetters, r) }) {
			return "", invalid("repository", "name a repository as team/assets: letters, digits and . _ - / with * or ** for what may differ")
		}
		actions := "r"
		if values.Has("write") {
			actions = "rw"
		}
		return auth.Scopes{{Kind: auth.ScopeArtifact, Target: name, Actions: actions}}.String(), nil
	case mayScope:
		scope := strings.TrimSpace(values.Get("scope"))
		if scope == "" {
			return "", invalid("scope", "write the scope, as artifact:team/assets:r,w")
		}
		return scope, nil
	}
	return "", invalid("may", "choose what the token may do")
}

// repositoryLetters are what a repository's name or pattern is made of.
const repositoryLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/*"
