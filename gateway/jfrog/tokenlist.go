package jfrog

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

const maxQuery = 4 << 10 // bytes of a list's filters

// tokenInfo is a token as the list and the answer of one show it. Times are in
// seconds since 1970.
type tokenInfo struct {
	ID          string `json:"token_id"`
	Subject     string `json:"subject"`
	Expiry      int64  `json:"expiry,omitempty"`
	Issued      int64  `json:"issued_at"`
	Issuer      string `json:"issuer"`
	Description string `json:"description"`
	Refreshable bool   `json:"refreshable"`
}

// ListTokens answers the tokens that the filters username, description (a
// prefix when it ends in *) and refreshable let through: everybody's to an
// administrator, their own to anybody else.
func (a *API) ListTokens(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	filter, err := readFilter(r.URL.RawQuery)
	if err != nil {
		return err
	}
	tokens, err := a.auth.Tokens.ListAll(r.Context(), who, filter)
	if err != nil {
		return err
	}
	list := make([]tokenInfo, len(tokens))
	for i, t := range tokens {
		list[i] = infoOf(t)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"tokens": list})
}

// readFilter reads the query of a list. An empty value filters nothing; a
// filter that is not known is refused, since a list that shows more than was
// asked for gets the rest revoked.
func readFilter(query string) (auth.TokenFilter, error) {
	var f auth.TokenFilter
	if len(query) > maxQuery {
		return f, invalid("", "the query is too long")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return f, invalid("", "the query cannot be read")
	}
	for name, all := range values {
		value := all[0]
		switch {
		case len(all) > 1:
			err = invalid("", "a filter is given more than once")
		case name != "username" && name != "description" && name != "refreshable":
			err = invalid("", "the filters of tokens are username, description and refreshable")
		case value == "":
		case name == "username":
			f.Owner, err = auth.CanonicalName(value)
		case name == "description":
			if star := strings.IndexByte(value, '*'); star >= 0 && star < len(value)-1 {
				err = invalid(name, "* is for the end of a description alone")
			}
			f.Description = value
		case value == "true" || value == "false":
			f.Refreshable = new(value == "true")
		default:
			err = invalid(name, "refreshable is true or false")
		}
		if err != nil {
			return auth.TokenFilter{}, err
		}
	}
	return f, nil
}

// ShowToken answers one token, to whoever may know of it.
func (a *API) ShowToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return a.showToken(w, r, who, r.PathValue("id"))
}

// ShowOwnToken answers the token that the caller came with.
func (a *API) ShowOwnToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if who.Via.Kind != auth.KindToken {
		return noToken()
	}
	return a.showToken(w, r, who, who.Via.ID)
}

func (a *API) showToken(w http.ResponseWriter, r *http.Request, who auth.Identity, id string) error {
	tok, err := a.auth.Tokens.Get(r.Context(), who, id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, infoOf(tok))
}

func infoOf(t auth.Token) tokenInfo {
	info := tokenInfo{
		ID: t.ID, Subject: t.Subject, Issued: t.Created.Unix(), Issuer: t.Issuer,
		Description: t.Description, Refreshable: t.Refreshable,
	}
	if !t.Expires.IsZero() {
		info.Expiry = t.Expires.Unix()
	}
	return info
}

// noToken refuses /me to a caller who came with something else.
func noToken() error {
	return &auth.Error{Code: auth.NotFound, Reason: "this request came with no token of which there is a record"}
}
