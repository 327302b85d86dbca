package web

import (
	"net/url"
	"strings"
)

// command is how one client is given a token, ready to be copied.
type command struct {
	Name string
	Said string // what to know first
	Text string
}

// commands are those of the clients that people have, for user, with the token
// in the environment as LATCHKEY_TOKEN: so it stands in no shell's history, and
// in no file where the client can do without. docs/clients.md has the rest.
func (p *Pages) commands(user string) []command {
	base := strings.TrimSuffix(p.public.String(), "/")
	scheme, host := p.public.Scheme, p.public.Host
	fill := strings.NewReplacer(
		"BASE", base, "HOST", host, "SCHEME", scheme,
		"USERINFO", url.User(user).String(), "USER", user,
	).Replace
	// The empty helper keeps those away that are set for every server, and
	// might write the token down.
	helper := `git config --global --replace-all credential.BASE.helper ''
git config --global --add credential.BASE.helper \
  '!f() { test "$1" = get && echo "username=USER" && echo "password=$LATCHKEY_TOKEN"; }; f'
`
	docker := ""
	if scheme == "http" {
		docker = "Docker speaks plain HTTP with this machine alone. For others your administrators need HTTPS."
	}
	all := []command{
		{"curl", "", `curl -fsS --oauth2-bearer "$LATCHKEY_TOKEN" "BASE/-/api/v1/whoami"`},
		{"git", "Git asks the environment for the token each time, for this server alone.", helper +
			`git clone "BASE/git/demo.git"`},
		{"git-lfs", "In a clone of a repository whose large files are here:", helper +
			`git config lfs.url "BASE/lfs/team/assets"
git lfs push --all origin main`},
		{"docker", docker, `printf %s "$LATCHKEY_TOKEN" | docker login "HOST" -u "USER" --password-stdin
docker pull "HOST/team/app:1"`},
		{"npm", "In .npmrc of the project. npm puts the token in when it reads the file, which holds only the variable’s name.", `cat >> .npmrc <<'END'
registry=BASE/artifactory/api/npm/npm-local/
//HOST/artifactory/api/npm/npm-local/:_authToken=${LATCHKEY_TOKEN}
END
npm install`},
		{"pip", "", `export PIP_INDEX_URL="SCHEME://USERINFO:$LATCHKEY_TOKEN@HOST/artifactory/api/pypi/pypi-local/simple"
pip install demo-py`},
		{"mvn", "In ~/.m2/settings.xml. Maven puts the token in when it reads the file, which holds only the variable’s name.", `<settings>
  <servers>
    <server><id>latchkey</id><username>USER</username><password>${env.LATCHKEY_TOKEN}</password></server>
  </servers>
  <mirrors>
    <mirror><id>latchkey</id><mirrorOf>*</mirrorOf><url>BASE/artifactory/maven-local</url></mirror>
  </mirrors>
</settings>`},
		{"CI job", "Keep the token as a secret of the job with the name LATCHKEY_TOKEN; no SSH key is needed. Where the platform signs tokens for its jobs, administrators can let them in without any secret.", helper +
			`git config lfs.url "BASE/lfs/team/assets"
git lfs pull
curl -fsS --oauth2-bearer "$LATCHKEY_TOKEN" -T report.txt "BASE/artifactory/generic-local/"`},
	}
	for i := range all {
		all[i].Text = fill(all[i].Text)
	}
	return all
}
