package web

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// rotatePage asks how a token is to be replaced.
type rotatePage struct {
	frame
	Said  []string
	Facts []fact
	Uses  []use // who uses it now
	Form  form  // without fields: it cannot be rotated
	On    string
}

// overlaps are how long both tokens may work, in seconds, and in words.
var overlaps = []option{
	{Value: "0", Label: "Not at all: the old one stops now"},
	{Value: "3600", Label: "For 1 hour"},
	{Value: "86400", Label: "For 1 day"},
	{Value: "604800", Label: "For 7 days"},
	{Value: "2592000", Label: "For 30 days"},
}

const usualOverlap = "86400"

// ownToken is a token of the person's own, for a page about it. Those of
// others have their pages in the administration.
func (p *Pages) ownToken(r *http.Request, who auth.Identity) (auth.Token, error) {
	tok, err := p.auth.Tokens.Get(r.Context(), who, r.PathValue("id"))
	if err == nil && tok.Owner != who.User {
		err = &auth.Error{Code: auth.NotFound, Reason: "token not found"}
	}
	return tok, err
}

// AskRotateToken is GET /ui/profile/tokens/{id}/rotate.
func (p *Pages) AskRotateToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	tok, err := p.ownToken(r, who)
	if err != nil {
		return p.goneTo(w, err, profilePath, "token-gone")
	}
	page, err := p.rotation(r, who, tok)
	if err != nil {
		return err
	}
	return p.write(w, http.StatusOK, "tokenrotate", page)
}

// rotation is the page about tok as it is now.
func (p *Pages) rotation(r *http.Request, who auth.Identity, tok auth.Token) (rotatePage, error) {
	page := rotatePage{
		frame: p.profile("Rotate “"+nameOf(tok)+"”?", r, who, "Credentials"),
		Facts: p.tokenFacts(tok), Uses: p.usesOf(tok),
	}
	page.Lock.Next = tokenPath(tok.ID, "rotate")
	if tok.ReplacedBy != "" {
		_, err := p.auth.Tokens.Get(r.Context(), who, tok.ReplacedBy)
		if err == nil {
			page.Title = "“" + nameOf(tok) + "” has been rotated"
			page.Said = []string{"Its successor works already. This one ends " + p.moment(tok.Expires).Words + "; revoke it when nobody uses it any more."}
			page.On = tokenPath(tok.ID, "revoke")
			return page, nil
		} else if auth.CodeOf(err) != auth.NotFound {
			return page, err
		}
	}
	page.Said = []string{"A new token is made that may do the same for the same length of time. Whoever uses the old one needs the new one before the old one ends."}
	page.Form = form{
		Action: tokenPath(tok.ID, "rotate"), Button: "Rotate token", Cancel: profilePath + "#tokens", Hidden: []hidden{once()},
	}
	choices := field{Name: "overlap", Label: "How long both work", Type: "radio"}
	if tok.Refreshable {
		page.Said = append(page.Said, "Its program renews it with a refresh token. The old one and its refresh token stop at once.")
		choices.Options = []option{overlaps[0]}
	} else {
		choices.Options = append(choices.Options, overlaps...)
		if !tok.Expires.IsZero() {
			choices.Hint = "Never longer than until the old one’s own end, " + p.moment(tok.Expires).Words + "."
		}
	}
	chosen := overlaps[0].Value
	if len(page.Uses) > 0 && !tok.Refreshable {
		chosen = usualOverlap
	}
	for i := range choices.Options {
		choices.Options[i].Chosen = choices.Options[i].Value == chosen
	}
	page.Form.Fields = []field{choices}
	return page, nil
}

// tokenFacts are what is known of a token.
func (p *Pages) tokenFacts(tok auth.Token) []fact {
	var facts []fact
	for _, words := range scopeWords(tok.Scope, "you") {
		facts = append(facts, fact{"May do", words})
	}
	ends := "not by itself"
	if !tok.Expires.IsZero() {
		ends = p.moment(tok.Expires).Words
	}
	return append(facts,
		fact{"Made", p.moment(tok.Created).Words},
		fact{"Last used", p.lastUse(tok.LastUsed)},
		fact{"Ends", ends})
}

// RotateToken is POST /ui/profile/tokens/{id}/rotate. Its answer shows the new
// token.
func (p *Pages) RotateToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	values, err := readForm(w, r, "overlap", onceField, passwordField)
	if err != nil {
		return err
	}
	overlap, err := overlapOf(values)
	if err != nil {
		return err
	}
	old, err := p.ownToken(r, who)
	if err != nil {
		return p.rotatedBefore(w, r, who, values, err)
	}
	var tok auth.Token
	if who, err = p.unlockedBy(r, who, values); err == nil {
		err = p.auth.Sessions.Once(r.Context(), who, values.Get(onceField))
		if auth.CodeOf(err) == auth.Exists {
			return p.sentBefore(w, r, who)
		}
	}
	if err == nil && overlap == 0 {
		tok, err = p.auth.Tokens.Rotate(r.Context(), who, old.ID)
	} else if err == nil {
		tok, err = p.auth.Tokens.Replace(r.Context(), who, old.ID, overlap)
	}
	if err != nil {
		return p.refusedRotation(w, r, who, old, values, err)
	}
	page := p.shown(r, who, tok, "The new token")
	page.Old = "The old one has stopped working."
	if overlap > 0 {
		ends := p.now().Add(overlap)
		if !old.Expires.IsZero() && old.Expires.Before(ends) {
			ends = old.Expires
		}
		page.Old = "The old one works until it ends " + p.moment(ends).Words + ". Your list of tokens shows who still uses it."
	}
	return p.handOver(w, page)
}

// rotatedBefore answers a form about a token that is gone: perhaps it is this
// very form, sent again, that ended it.
func (p *Pages) rotatedBefore(w http.ResponseWriter, r *http.Request, who auth.Identity, values url.Values, err error) error {
	if auth.CodeOf(err) == auth.NotFound && auth.CodeOf(p.auth.Sessions.Once(r.Context(), who, values.Get(onceField))) == auth.Exists {
		return p.sentBefore(w, r, who)
	}
	return p.goneTo(w, err, profilePath, "token-gone")
}

func (p *Pages) refusedRotation(w http.ResponseWriter, r *http.Request, who auth.Identity, old auth.Token, values url.Values, err error) error {
	if auth.CodeOf(err) == auth.NotFound {
		return p.done(w, profilePath, "token-gone")
	}
	page, also := p.rotation(r, lockedBy(who, err), old)
	if also != nil {
		return also
	}
	f, status, ok := p.refused(w, who, page.Form, p.tokenFault(err, values), values)
	if !ok {
		return err
	}
	page.Form = f
	return p.write(w, status, "tokenrotate", page)
}

// overlapOf reads how long both tokens are to work.
func overlapOf(values url.Values) (time.Duration, error) {
	for _, o := range overlaps {
		if o.Value == values.Get("overlap") {
			seconds, err := strconv.Atoi(o.Value)
			return time.Duration(seconds) * time.Second, err
		}
	}
	return 0, malformed("choose how long both tokens work")
}
