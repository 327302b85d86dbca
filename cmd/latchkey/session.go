package main

import (
	"context"
	"net/http"

	"github.com/latchkey-io/latchkey/auth"
)

type sessionCommands struct {
	List   sessionList   `cmd:"" help:"List a user's browser sessions."`
	Revoke sessionRevoke `cmd:"" help:"End a session, or all of a user."`
}

type sessionList struct{ whose }

func (s *sessionList) Run(ctx context.Context, c *console) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	sessions, err := listOf[auth.SessionInfo](ctx, client, s.whose, "/sessions")
	if err != nil {
		return err
	}
	return printList(c, sessions, "ID CREATED THROUGH ENDS UNLOCKED-UNTIL USED", func(s auth.SessionInfo) []string {
		return []string{s.ID, stamp(s.Created), s.Provider, ends(s.Expires), stamp(s.UnlockedUntil), used(s.LastUsed)}
	})
}

type sessionRevoke struct {
	ID   string `arg:"" optional:"" help:"The session's id."`
	User string `help:"End all sessions of this user instead." placeholder:"USER"`
}

func (s *sessionRevoke) Run(ctx context.Context, c *console) error {
	switch {
	case (s.ID == "") == (s.User == ""):
		return usagef("give the id of a session, or --user NAME for all of a user")
	case s.User != "":
		return c.act(ctx, http.MethodDelete, whose{s.User}.path("/sessions"), "the sessions of %s have ended", s.User)
	}
	return c.act(ctx, http.MethodDelete, "/sessions/"+seg(s.ID), "session %s has ended", s.ID)
}
