package jfrog

import (
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/strictjson"
)

// What an exchange is called (RFC 8693 §2.1 and §3).
const (
	grantExchange   = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeIDToken     = "urn:ietf:params:oauth:token-type:id_token"
	typeAccessToken = "urn:ietf:params:oauth:token-type:access_token"
)

// exchangeRequest is what POST /access/api/v1/oidc/token takes, as JSON or as a
// form. Clients send much more about the job (job_id, run_id, repo, revision,
// project_key, …): what counts is what the CI system signed.
type exchangeRequest struct {
	GrantType string      `json:"grant_type"`
	TokenType string      `json:"subject_token_type"`
	Token     auth.Secret `json:"subject_token"`
	Provider  string      `json:"provider_name"`         // "": the one whose issuer the token has
	Mapping   string      `json:"identity_mapping_name"` // "": the first that matches
	Reference *bool       `json:"include_reference_token"`
}

// exchangeAnswer is the answer of RFC 8693 §2.2.1, with the user that the
// client is now.
type exchangeAnswer struct {
	tokenAnswer
	IssuedType string `json:"issued_token_type"`
	Username   string `json:"username"`
}

// ExchangeJobToken turns the token that a CI system signed for a job into a
// short access token. The job's token is the proof, so nobody need be known.
// What is malformed is 400; every token that is not accepted is the same 401;
// 503 while the keys of its issuer cannot be had.
func (a *API) ExchangeJobToken(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	var in exchangeRequest
	if err := readFields(w, r, &in, strictjson.Options{AllowUnknown: true, AllowNull: true}); err != nil {
		return err
	}
	switch {
	case in.GrantType != grantExchange:
		return invalid("grant_type", "grant_type must be "+grantExchange)
	case in.TokenType != typeIDToken:
		return invalid("subject_token_type", "subject_token_type must be "+typeIDToken)
	case in.Token.Empty():
		return invalid("subject_token", "subject_token is missing: it is the job's own id_token")
	}
	tok, err := a.auth.Tokens.Exchange(r.Context(), who.Peer, auth.JobRequest{
		Provider: in.Provider, Mapping: in.Mapping, Token: in.Token, Reference: said(in.Reference),
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, exchangeAnswer{tokenAnswer: handOver(tok), IssuedType: typeAccessToken, Username: tok.Owner})
}
