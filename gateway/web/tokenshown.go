package web

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// shownPage shows a new token, once.
type shownPage struct {
	frame
	Token    secret
	Long     secret // the same token as a JWT
	Refresh  secret // what renews it; without Text: nothing
	Old      string // what became of the one before; empty: there was none
	Facts    []fact
	Commands []command
}

// showToken hands a token over.
func (p *Pages) showToken(w http.ResponseWriter, r *http.Request, who auth.Identity, tok auth.Token, title string) error {
	return p.handOver(w, p.shown(r, who, tok, title))
}

func (p *Pages) handOver(w http.ResponseWriter, page shownPage) error {
	return p.write(w, http.StatusOK, "tokenshown", page)
}

func (p *Pages) shown(r *http.Request, who auth.Identity, tok auth.Token, title string) shownPage {
	page := shownPage{
		frame:    p.profile(title, r, who, "Credentials"),
		Token:    secret{ID: "token", Label: "Token", Text: tok.Reference.Reveal()},
		Long:     secret{ID: "token-long", Label: "The same token as a JWT", Text: tok.JWT.Reveal()},
		Refresh:  secret{ID: "token-refresh", Label: "Refresh token", Text: tok.Refresh.Reveal()},
		Commands: p.commands(who.User),
	}
	if page.Token.Text == "" { // it took over from one without a short form
		page.Token.Text, page.Long.Text = page.Long.Text, ""
	}
	ends := "not by itself"
	if !tok.Expires.IsZero() {
		ends = minuteOf(tok.Expires)
	}
	page.Facts = append(page.Facts, fact{"Description", nameOf(tok)})
	for _, words := range scopeWords(tok.Scope, "you") {
		page.Facts = append(page.Facts, fact{"May do", words})
	}
	page.Facts = append(page.Facts, fact{"Ends", ends})
	return page
}

// toldPage says something and leads on.
type toldPage struct {
	frame
	Said []string // paragraphs
	On   []place  // where to go from here; the first is the likely one
}

// sentBefore answers a form that was sent once already.
func (p *Pages) sentBefore(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return p.write(w, http.StatusConflict, "told", toldPage{
		frame: p.profile("This form was sent before", r, who, "Credentials"),
		Said: []string{
			"A token that it made was shown then, and cannot be shown again: nobody keeps it. Nothing was made now.",
			"If you did not copy it, revoke it in the list of your tokens, if it stands there, and generate another.",
		},
		On: []place{{Name: "Go to your tokens", Path: profilePath + "#tokens"}, {Name: "Generate another token", Path: tokensPath + "/new"}},
	})
}
