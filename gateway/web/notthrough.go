package web

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

// notThroughPage says that a way to a provider and back came to nothing, why,
// and what to do.
type notThroughPage struct {
	frame
	Said    []string // paragraphs
	On      []place
	Request string
}

// notThrough answers a way that came to nothing. What has no page of its own,
// as a fault of ours, is the error itself.
func (p *Pages) notThrough(w http.ResponseWriter, r *http.Request, who auth.Identity, a auth.Attempt, err error) error {
	refusal, ok := errors.AsType[*auth.Error](err)
	if !ok || refusal.Code == auth.Internal {
		return &auth.Error{Code: auth.Internal, Reason: "the sign-in could not be finished", Err: err}
	}
	if who.Via.Kind != auth.KindSession {
		who = auth.Identity{Peer: who.Peer}
	}
	provider := r.PathValue("provider")
	page := notThroughPage{Request: who.Peer.Request}
	title := ""
	status := p.statusOf(refusal.Code)
	if refusal.Code == auth.Unauthenticated {
		status = http.StatusForbidden // not 401: that demands a challenge, at which browsers ask by themselves
	}
	reason := sentence(auth.Mask(refusal.Reason))
	if refusal.Code == auth.Throttled {
		reason = tooManyAttempts(w, refusal)
	}
	_, known := p.auth.Provider(provider)
	switch {
	case p.logins == nil || !known:
		title, page.Said = "There is no such sign-in", []string{"The administrators may have taken it away. Sign in another way."}
		status = http.StatusNotFound
	case a.Purpose == auth.ToBind:
		title, page.Said = p.notLinked(&page, refusal, reason)
	case a.Purpose == auth.ToUnlock:
		title, page.Said = "Your profile is still locked", []string{reason}
		page.On = []place{{Name: "Back", Path: p.back(a.Next)}}
		if refusal.Code == auth.Unauthenticated {
			page.Said = []string{"Your session here has ended. Sign in again."}
		}
	default:
		title, page.Said = p.notSignedIn(&page, &status, provider, a, refusal, reason)
	}
	if len(page.On) == 0 {
		page.On = []place{{Name: "Go to sign in", Path: LoginPath}}
		if who.Known() {
			page.On = []place{{Name: "Go to your account", Path: profilePath}}
		}
	}
	page.frame = p.frame(title, who)
	return p.write(w, status, "notthrough", page)
}

// notSignedIn is what is said of a sign-in, or of an answer that tells not even
// what it was for.
func (p *Pages) notSignedIn(page *notThroughPage, status *int, provider string, a auth.Attempt, refusal *auth.Error, reason string) (string, []string) {
	title := p.titleOf(provider)
	again := place{Name: "Try again", Path: signInAt(provider, a.Next)}
	page.On = []place{again, {Name: "Sign in another way", Path: SignIn(a.Next)}}
	switch refusal.Code {
	case auth.NotFound:
		*status = http.StatusForbidden
		page.On = []place{{Name: "Sign in with your password", Path: SignIn(accountsPath)}, {Name: "Try again", Path: again.Path}}
		return "Your account at " + title + " is not linked", []string{
			"You did sign in there, but that account is linked to nobody here, so it opens nothing.",
			"To link it, sign in here with your password, open Linked accounts in your profile, unlock it, and choose “Link your account” beside " + title + ". From then on it signs you in.",
			"If you have no account here yet, or no password for it, ask an administrator.",
		}
	case auth.Unauthenticated:
		page.On = page.On[1:]
		return "You cannot sign in", []string{"The account here that it is linked to does not sign in with a browser at present. Ask an administrator, and tell them the request number below."}
	case auth.Unavailable:
		return "Signing in through " + title + " is not possible right now", []string{cmp.Or(reason, notNow), "Nothing was changed. Try again in a minute, or sign in another way."}
	case auth.Forbidden, auth.Exists, auth.Unsupported:
		return "You were not signed in", []string{reason, "If you think that this should work, ask an administrator, and tell them the request number below."}
	}
	return "This sign-in could not be finished", []string{reason}
}

// notLinked is what is said of an account that was to be linked.
func (p *Pages) notLinked(page *notThroughPage, refusal *auth.Error, reason string) (string, []string) {
	page.On = []place{{Name: "Back to linked accounts", Path: accountsPath}}
	said := []string{reason}
	switch refusal.Code {
	case auth.Unauthenticated:
		said = []string{"Your session here has ended meanwhile. Sign in, unlock your profile and link the account again."}
		page.On = []place{{Name: "Sign in", Path: SignIn(accountsPath)}}
	case auth.Locked:
		said = []string{"Your profile locked itself meanwhile. Unlock it and link the account again."}
	}
	return "Your account was not linked", said
}
