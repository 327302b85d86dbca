package auth

import (
	"context"
	"time"
)

// act is something that can be done here; the audit trail names it so.
type act string

const (
	actUserCreate  act = "user.create"
	actUserShow    act = "user.show"
	actUserList    act = "user.list"
	actUserUpdate  act = "user.update"
	actUserDisable act = "user.disable"
	actUserEnable  act = "user.enable"
	actUserDelete  act = "user.delete"
	actUserClear   act = "user.clear_guesses"
	actGroupChange act = "group.change"
	actGroupDelete act = "group.delete"
	actGroupShow   act = "group.show"

	actPasswordChange   act = "password.change"
	actPasswordEncrypt  act = "password.encrypt"
	actPasswordExpire   act = "password.expire"
	actPasswordUnexpire act = "password.unexpire"

	actKeyCreate    act = "api_key.create"
	actKeyShow      act = "api_key.show"
	actKeyInfo      act = "api_key.info"
	actKeyRotate    act = "api_key.rotate"
	actKeyRevoke    act = "api_key.revoke"
	actKeyRevokeAll act = "api_key.revoke_all"

	actTokenCreate act = "token.create"
	actTokenShow   act = "token.show"
	actTokenRevoke act = "token.revoke"
	actTokenRotate act = "token.rotate"
	actTokenGrant  act = "token.grant"

	actTokenRefresh  act = "token.refresh"
	actTokenReuse    act = "token.refresh_reused" // a refresh token came again, and its family was ended
	actTokenExchange act = "token.exchange"       // for a CI job's own token

	actSSHKeyCreate act = "ssh_key.create"
	actSSHKeyShow   act = "ssh_key.show"
	actSSHKeyDelete act = "ssh_key.delete"

	actSignIn        act = "session.sign_in"
	actSignOut       act = "session.sign_out"
	actUnlock        act = "session.unlock"
	actSessionShow   act = "session.show"
	actSessionRevoke act = "session.revoke"

	actAudit      act = "audit.read"
	actRequest    act = "request.refused"
	actJobExplain act = "job.explain"

	actPasswordForgot act = "password.forgot"     // a reset link was asked for, by whom nobody knows
	actResetLink      act = "password.reset_link" // an administrator made one
	actPasswordReset  act = "password.reset"
	actEmailChange    act = "email.change" // asked for, or made where no mail is sent
	actEmailConfirm   act = "email.confirm"

	actUpstreamShow   act = "upstream.show"
	actUpstreamSet    act = "upstream.set"
	actUpstreamTest   act = "upstream.test"
	actUpstreamDelete act = "upstream.delete"

	actActivity act = "activity.read"

	actBindingShow   act = "binding.show"
	actBindingCreate act = "binding.create"
	actBindingDelete act = "binding.delete"
	actElsewhere     act = "provider.refused" // what came back from a provider, and was refused
	actRefreshed     act = "provider.refresh" // a provider was asked again
	actLoggedOut     act = "provider.logout"  // a provider ended sessions

	actWebLoginShow    act = "web_login.show"
	actWebLoginApprove act = "web_login.approve"
	actWebLoginRefuse  act = "web_login.refuse"
	actWebLoginTake    act = "web_login.take"
)

// need is what an act asks of whoever does it.
type need int

const (
	adminReads   need = iota + 1 // an administrator
	adminChanges                 // an administrator; in a browser session, unlocked
	ownReads                     // the owner, or an administrator
	ownChanges                   // the owner (in a browser session, unlocked), or an administrator as above
	ownPerson                    // the owner in person with a profile they may update, or an administrator as above
	ownSecret                    // the owner with a credential that covers all they may, for ever, and did not come through SSH; nobody else
	ownNewSecret                 // ownSecret, or an administrator as above for somebody else
	ownNewKey                    // as ownNewSecret, and the owner's profile may be updated
	ownPassword                  // the owner in person; nobody else
)

var needs = map[act]need{
	actUserCreate: adminChanges, actUserList: adminReads, actUserDisable: adminChanges,
	actUserEnable: adminChanges, actUserDelete: adminChanges, actUserClear: adminChanges,
	actUserShow: ownReads, actUserUpdate: ownPerson,
	actGroupChange: adminChanges, actGroupDelete: adminChanges, actGroupShow: adminReads,
	actPasswordChange: ownPerson, actPasswordEncrypt: ownPassword,
	actPasswordExpire: adminChanges, actPasswordUnexpire: adminChanges,
	actKeyCreate: ownNewSecret, actKeyRotate: ownNewSecret, actKeyShow: ownSecret, actKeyInfo: ownReads,
	actKeyRevoke: ownChanges, actKeyRevokeAll: adminChanges,
	actTokenCreate: ownChanges, actTokenShow: ownReads, actTokenRevoke: ownChanges, actTokenRotate: ownChanges,
	actSSHKeyCreate: ownNewKey, actSSHKeyShow: ownReads, actSSHKeyDelete: ownChanges,
	actSessionShow: ownReads, actSessionRevoke: ownChanges,
	actAudit: adminReads, actJobExplain: adminReads,
	actResetLink: adminChanges, actEmailChange: ownPerson, actEmailConfirm: ownReads,
	actUpstreamShow: ownReads, actUpstreamSet: ownPerson, actUpstreamTest: ownPerson, actUpstreamDelete: ownChanges,
	actActivity:    ownReads,
	actBindingShow: ownReads, actBindingCreate: ownPassword, actBindingDelete: ownChanges,
	actWebLoginShow: ownReads, actWebLoginApprove: ownChanges, actWebLoginRefuse: ownReads,
}

// may is allow for an identity that still holds: one that was found before its
// credential ended, its rights were taken or its account was made anew under
// the same name has no power left.
func (a *Authority) may(ctx context.Context, who Identity, what act, owner string) error {
	if err := a.allow(who, what, owner); err != nil {
		return err
	}
	return a.Recheck(ctx, who)
}

// allow decides whether who may do a to what belongs to owner (empty for what
// belongs to nobody). What goes beyond (a token's scope and life, a route's
// rules) is asked where it is known, by covers and Allow.
func (a *Authority) allow(who Identity, what act, owner string) error {
	if !who.Known() {
		return unauthenticated("no credential")
	}
	if who.Via.Kind == KindGrant {
		return forbidden("a short token opens routes, and nothing else")
	}
	if who.Via.Kind == KindBinding {
		return forbidden("a token of a provider opens routes, and nothing else")
	}
	now := a.now()
	locked := who.Via.Kind == KindSession && !who.Full(now)
	own := who.User == owner && who.uid != ""
	whole := who.Scopes.User()
	admin := who.Admin

	switch n := needs[what]; n {
	case adminReads:
		if admin {
			return nil
		}
	case adminChanges:
		if admin && locked {
			return unlockFirst()
		}
		if admin {
			return empowers(who, what)
		}
	case ownReads:
		if own && whole || admin {
			return nil
		}
	case ownChanges, ownPerson, ownNewSecret, ownNewKey:
		if (own && whole || admin) && locked {
			return unlockFirst()
		}
		if admin && !own {
			if err := empowers(who, what); err != nil {
				return err
			}
			return a.makesEndless(who, n)
		}
		if own && whole {
			return a.ownerMay(who, n, now)
		}
	case ownSecret, ownPassword:
		if own && whole && locked {
			return unlockFirst()
		}
		if own && whole {
			return a.ownerMay(who, n, now)
		}
	}
	if what == actKeyShow && admin {
		return forbidden("an API key is shown to its owner alone; rotate it to hand over a new one")
	}
	if n := needs[what]; n == adminReads || n == adminChanges {
		return forbidden("this is for administrators, with a credential that covers all that they may")
	}
	return forbidden("%s may not do this with this credential (%s)", who.User, what)
}

// empowers asks what an administrator's credential needs for acts that let
// somebody do more than before, or guess more, and outlive the credential: it
// must not have come through an SSH key, which changes no accounts.
func empowers(who Identity, what act) error {
	switch what {
	case actUserCreate, actUserUpdate, actUserEnable, actUserClear, actPasswordChange, actPasswordUnexpire,
		actTokenCreate, actTokenRotate, actResetLink, actEmailChange, actUpstreamSet:
		if who.throughSSH() {
			return forbidden("an SSH key, or a token made with one, changes no accounts; use your password or the browser")
		}
	}
	return nil
}

// ownerMay asks the rest of what an owner's credential needs.
func (a *Authority) ownerMay(who Identity, n need, now time.Time) error {
	switch n {
	case ownPerson, ownPassword:
		if !who.Full(now) {
			return forbidden("this needs your password, or the profile unlocked in the browser; a key or token is not enough")
		}
	}
	return a.makesEndless(who, n)
}

// makesEndless asks what a credential needs that shows or makes one without
// an end, whoever's it is.
func (a *Authority) makesEndless(who Identity, n need) error {
	if n != ownSecret && n != ownNewSecret && n != ownNewKey {
		return nil
	}
	if who.throughSSH() {
		return forbidden("an SSH key, or a token made with one, neither shows nor makes keys; use your password or the browser")
	}
	if !who.Expires.IsZero() && who.Via.Kind != KindSession {
		return forbidden("a credential that ends neither shows nor makes one that does not")
	}
	return nil
}

func unlockFirst() error {
	return &Error{Code: Locked, Reason: "the profile is locked; unlock it with the password first"}
}

// covers decides attenuation: whether who may make a credential of owner with
// these scopes and this end (zero: none). A credential makes only what its own
// scope and life cover; somebody there in person covers all of their user.
func (a *Authority) covers(who Identity, owner string, scopes Scopes, ends time.Time) error {
	for _, s := range scopes {
		if s.Kind == ScopeAdmin && !who.Admin && who.Via.Kind != KindLocal {
			return forbidden("the scope %s is for administrators", s)
		}
	}
	if who.Full(a.now()) {
		return nil
	}
	if !who.Expires.IsZero() && (ends.IsZero() || ends.After(who.Expires)) {
		return forbidden("the credential ends at %s and cannot make one that lives longer", who.Expires.UTC().Format(time.RFC3339))
	}
	if !who.Scopes.Covers(scopes) {
		return forbidden("the credential's scope %q does not cover %q", who.Scopes, scopes)
	}
	return nil
}
