package auth

import (
	"context"
	"time"
)

// How many links are mailed.
const (
	forgotWindow    = time.Hour
	forgotOfSource  = 10 // asked for, per source and window
	forgotOfAccount = 3  // mailed, per account and window
)

// Forgot mails a link to the account of that name, if it may have one. The
// answer is nil for every name, known or not, and comes at one time: who that
// is, and whether there is a mail, is found out later, in the background.
// Errors: Throttled after forgotOfSource calls from one source in an hour, or
// when very many ask at once; Unsupported where no mail is sent or people do
// not change their passwords. An account gets forgotOfAccount mails an hour,
// and nothing is said of more.
func (p *Passwords) Forgot(ctx context.Context, peer Peer, name string) error {
	if !p.MailsLinks() {
		return &Error{Code: Unsupported, Reason: "links to choose a new password are not mailed here; ask an administrator for one"}
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	wait, err := p.a.takeWithin(ctx, "forgot/source/"+p.a.sourceID(peer), forgotOfSource, forgotWindow)
	if err != nil {
		return err
	}
	if wait > 0 {
		return tooManyLetters(wait)
	}
	if len(name) > MaxName {
		name = "" // nobody's as well, and not worth keeping
	}
	peer.Told = nil // the request is over by then
	look := func(ctx context.Context) {
		if l, err := p.writeReset(ctx, peer, name); err == nil {
			p.a.outbox.tell(l)
		}
	}
	if !p.a.outbox.ask(look) {
		return tooManyLetters(letterDeadline)
	}
	return nil
}

func tooManyLetters(wait time.Duration) error {
	return &Error{
		Code: Throttled, Reason: "too many letters were asked for; try again later, or ask an administrator",
		RetryAfter: min(max(wait, time.Second), 300*time.Second),
	}
}

// MailsLinks reports whether people who forgot their password help themselves:
// mail is sent, and people may change their passwords.
func (p *Passwords) MailsLinks() bool { return p.a.SendsMail() && !p.a.Policy().KeepPasswords }

// writeReset makes the link and the letter for the account of that name.
func (p *Passwords) writeReset(ctx context.Context, peer Peer, name string) (l Letter, err error) {
	var target string // of an account alone: a name that is nobody's may be a password
	defer func() { p.a.Trail.acted(Identity{Peer: peer}, actPasswordForgot, target, err) }()
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	name, acc, err := p.a.accountFor(ctx, &view{a: p.a}, name)
	if err != nil {
		return Letter{}, err
	}
	if acc == nil {
		return Letter{}, notFound("the user")
	}
	target = name
	if !acc.mayChoose() || acc.ProfileFixed || acc.Email == "" || !p.MailsLinks() {
		return Letter{}, forbidden("this account gets no link by mail")
	}
	wait, err := p.a.takeWithin(ctx, "forgot/account/"+name, forgotOfAccount, forgotWindow)
	if err != nil {
		return Letter{}, err
	}
	if wait > 0 {
		return Letter{}, tooManyLetters(wait)
	}
	link, key := p.newLink(acc, "", mailedLinkLife)
	if err := p.keepLink(ctx, name, link); err != nil {
		return Letter{}, err
	}
	return Letter{Kind: LetterReset, To: acc.Email, User: name, Key: key, Ends: link.Expires}, nil
}
