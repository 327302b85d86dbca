package oauth

import (
	"net/url"

	"github.com/latchkey-io/latchkey/auth"
)

// Limits of what a browser brings back.
const (
	maxCode    = 2 << 10 // bytes
	maxAnswers = 30      // parameters
)

// answer is what a browser brings back from a provider (RFC 6749 §4.1.2). It is
// a stranger's until the attempt that it belongs to is found.
type answer struct {
	state   string
	code    auth.Secret
	iss     string
	named   bool   // there is an iss
	failed  bool   // there is an error
	error   string // its code
	told    string // error_description
	foreign string // a parameter that only flows have which are never begun here
}

// readAnswer takes every parameter once at most (RFC 6749 §3.1): readers that
// differ in which of two counts are how one answer comes to mean two things.
func readAnswer(v url.Values) (answer, error) {
	if len(v) > maxAnswers {
		return answer{}, notOurs("the answer has %d parameters", len(v))
	}
	for name, values := range v {
		if len(values) != 1 {
			return answer{}, notOurs("the answer has the parameter %s %d times", quote(name), len(values))
		}
	}
	a := answer{
		state: v.Get("state"), code: auth.NewSecret(v.Get("code")), iss: v.Get("iss"), named: v.Has("iss"),
		failed: v.Has("error"), error: v.Get("error"), told: v.Get("error_description"),
	}
	if !isState(a.state) {
		return answer{}, notOurs("the answer has no state of ours")
	}
	// Tokens in an address come of the implicit and hybrid flows (RFC 9700
	// §2.1.2), a response is a JWT that we did not ask for.
	for _, name := range []string{"access_token", "id_token", "token", "response"} {
		if v.Has(name) {
			a.foreign = name
		}
	}
	return a, nil
}

// fault is why the answer to a good attempt brings no code.
func (a answer) fault(p *client) error {
	switch {
	case a.foreign != "":
		return p.denied("the answer has the parameter %s, which was not asked for", a.foreign)
	case a.failed && !a.code.Empty():
		return p.denied("the answer has both an error and a code")
	case a.failed:
		return a.refusal(p)
	case a.code.Empty():
		return p.denied("the answer has no code")
	case len(a.code.Reveal()) > maxCode || !visible(a.code.Reveal()):
		return p.denied("the answer has a code that is not one of up to %d bytes of ASCII", maxCode)
	}
	return nil
}

// refusal is an error that the provider tells (RFC 6749 §4.1.2.1, OpenID
// Connect Core §3.1.2.6), in our words; its own are for the audit trail.
func (a answer) refusal(p *client) error {
	told := "the answer is the error " + said(a.error) + " " + said(a.told)
	var reason string
	switch a.error {
	case "access_denied":
		reason = "you, or " + p.title + ", said no; start again if you want to sign in there"
	case "login_required", "interaction_required", "consent_required", "account_selection_required":
		reason = p.title + " has to ask you something first; sign in there, then start again"
	case "temporarily_unavailable", "server_error":
		return p.down("%s", told)
	case "invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "invalid_request_object",
		"invalid_request_uri", "request_not_supported", "request_uri_not_supported", "redirect_uri_mismatch", "application_suspended":
		return p.unknown("%s", told)
	default:
		reason = p.title + " did not let you in; start again, and tell an administrator if it stays so"
	}
	return p.fault(auth.Forbidden, reason, "%s", told)
}
