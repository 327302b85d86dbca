package main

import (
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/configs"
)

// newPassword says where a new password comes from. None of the ways is the
// command line itself.
type newPassword struct {
	PasswordStdin bool   `help:"Read the new password from standard input." xor:"password"`
	PasswordFile  string `help:"Read the new password from a file that only you can read." placeholder:"FILE" xor:"password"`
}

// read gives the new password, empty when none of the flags was given.
func (p newPassword) read(c *console) (auth.Secret, error) {
	switch {
	case p.PasswordFile != "":
		text, err := configs.ReadSecret(p.PasswordFile)
		if err != nil {
			return auth.Secret{}, usagef("password: %w", err)
		}
		return auth.NewSecret(text), nil
	case p.PasswordStdin:
		return c.askPassword()
	}
	return auth.Secret{}, nil
}

// readOrAsk is read that asks at a terminal when no flag was given; an empty
// answer there means no password.
func (p newPassword) readOrAsk(c *console, user string) (auth.Secret, error) {
	if p.PasswordStdin || p.PasswordFile != "" || !c.atTerminal() {
		return p.read(c)
	}
	c.say("password of %s (empty: none, then only keys and tokens let this user in)", user)
	return c.askPassword()
}

// atTerminal reports whether a person can be asked.
func (c *console) atTerminal() bool {
	f, ok := c.in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// askPassword reads a password: twice and without echo at a terminal, else
// all of standard input.
func (c *console) askPassword() (auth.Secret, error) {
	f, ok := c.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return readSecret(c.in, "the password on standard input")
	}
	var typed [2][]byte
	for i, prompt := range []string{"new password: ", "and again: "} {
		fmt.Fprint(c.err, prompt)
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(c.err)
		if err != nil {
			return auth.Secret{}, fmt.Errorf("read password: %w", err)
		}
		typed[i] = text
		if len(text) == 0 {
			break
		}
	}
	if string(typed[0]) != string(typed[1]) {
		return auth.Secret{}, usagef("the two passwords differ; nothing was changed")
	}
	return auth.NewSecret(string(typed[0])), nil
}
