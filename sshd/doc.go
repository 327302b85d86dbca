// Package sshd is the SSH door: a client proves a registered key, runs one
// known word, reads the answer and leaves.
//
// What it promises:
//
//   - Who someone is comes from the key whose signature over this very
//     connection was verified, and from nothing else. A key that is merely
//     offered says nothing, and the user name is ignored.
//   - Nothing is ever handed to a shell. There is no terminal, no forwarding of
//     ports, agents or displays, no subsystem, and of the environment only
//     GIT_PROTOCOL is taken.
//   - No client can end the process or keep others out: every wait has a
//     deadline, every buffer and table a limit (see [Limits]), and a panic ends
//     the session it happened in.
//   - A connection whose key, user or account has ended is closed within a
//     minute; a command on it is refused at once.
//
// The words are git-lfs-authenticate and jfrog-authenticate, which give a short
// token for the HTTP door, and a few nouns for the caller's own account. An SSH
// key is not an unlock: no word shows or makes an API key or an encrypted
// password, adds an SSH key or changes the account. Package auth refuses these
// as well.
package sshd
