package lfs

import (
	"context"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// sshLife is how long the token of git-lfs-authenticate lives. git-lfs asks
// again by itself, five seconds before the end.
const sshLife = 15 * time.Minute

// Answer is what git-lfs-authenticate prints: where the API is and the Bearer
// token for it.
type Answer struct {
	Href    string // without / at the end; git-lfs adds /objects/batch and so on
	Token   auth.Secret
	Expires time.Time
}

// SSHAuthenticate answers `git-lfs-authenticate PATH OP`. The path is one of
// [/][artifactory/][api/lfs/][ROUTE/]REPO[.git][/info/lfs] and op "download"
// or "upload"; sshd has taken quotes off. The token opens that repository
// alone, for that operation. Errors are *auth.Error: Invalid for a path or
// operation that is none, else what auth.Allow and the Granter say. Nothing is
// read from disk, so a repository that does not exist looks like one that does.
func (s *Store) SSHAuthenticate(ctx context.Context, who auth.Identity, path, op string) (Answer, error) {
	need, known := opOf(op)
	if !known {
		return Answer{}, &auth.Error{Code: auth.Invalid, Field: "operation", Reason: "the operation is download or upload"}
	}
	repo, err := s.routes.Load().parsePath(path)
	if err != nil {
		return Answer{}, &auth.Error{Code: auth.Invalid, Field: "path", Reason: err.Error()}
	}
	if err := auth.Allow(who, repo.route, repo.name, need); err != nil {
		return Answer{}, err
	}
	token, expires, err := s.grants.Grant(ctx, who, auth.Grant{Route: repo.route.Name, Repo: repo.name, Op: need, Life: sshLife})
	if err != nil {
		return Answer{}, err
	}
	return Answer{Href: repo.href, Token: token, Expires: expires}, nil
}
