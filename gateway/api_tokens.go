package gateway

import (
	"net/http"
	"net/url"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// newToken is the body that creates a token. ExpiresIn is in seconds; absent:
// the default of the configuration, 0: never.
type newToken struct {
	Scope       string `json:"scope"`
	Description string `json:"description"`
	ExpiresIn   *int64 `json:"expires_in"`
	Reference   bool   `json:"reference"`
	Refreshable bool   `json:"refreshable"`
	Audience    string `json:"audience"`
}

// tokenAnswer hands a token over. The last two are there when asked for.
type tokenAnswer struct {
	auth.Token
	AccessToken    string `json:"access_token"`
	ReferenceToken string `json:"reference_token,omitempty"`
	RefreshToken   string `json:"refresh_token,omitempty"`
}

func handOver(t auth.Token) tokenAnswer {
	return tokenAnswer{Token: t, AccessToken: t.JWT.Reveal(), ReferenceToken: t.Reference.Reveal(), RefreshToken: t.Refresh.Reveal()}
}

func (a *api) createToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in newToken
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	life, err := auth.LifeOf(in.ExpiresIn)
	if err != nil {
		return err
	}
	token, err := a.auth.Tokens.Create(r.Context(), who, auth.NewToken{
		Owner: owner(r), Scope: in.Scope, Description: in.Description,
		Audience: in.Audience, Life: life, Reference: in.Reference, Refreshable: in.Refreshable,
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", apiRoot+"/tokens/"+url.PathEscape(token.ID))
	return writeJSON(w, http.StatusCreated, handOver(token))
}

func (a *api) listTokens(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	values, err := query(r, "ended")
	if err != nil {
		return err
	}
	list := a.auth.Tokens.List
	switch values.Get("ended") {
	case "", "false":
	case "true":
		list = a.auth.Tokens.Ended
	default:
		return invalid("ended", "ended is true or false")
	}
	tokens, err := list(r.Context(), who, owner(r))
	if err != nil {
		return err
	}
	return writeList(w, tokens, "")
}

func (a *api) getToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	token, err := a.auth.Tokens.Get(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, token)
}

// rotation is the body that rotates a token, where there is one. Overlap is for
// how many seconds the old one works on; 0: not at all.
type rotation struct {
	Overlap int64 `json:"overlap"`
}

func (a *api) rotateToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in rotation
	if r.ContentLength != 0 {
		if err := readJSON(w, r, &in); err != nil {
			return err
		}
	}
	const most = int64(auth.MaxOverlap/time.Second) + 1 // more is refused as this is
	overlap := time.Duration(min(max(in.Overlap, -1), most)) * time.Second
	token, err := auth.Token{}, error(nil)
	if overlap == 0 {
		token, err = a.auth.Tokens.Rotate(r.Context(), who, r.PathValue("id"))
	} else {
		token, err = a.auth.Tokens.Replace(r.Context(), who, r.PathValue("id"), overlap)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Location", apiRoot+"/tokens/"+url.PathEscape(token.ID))
	return writeJSON(w, http.StatusCreated, handOver(token))
}

func (a *api) revokeToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return done(w, a.auth.Tokens.Revoke(r.Context(), who, r.PathValue("id")))
}
