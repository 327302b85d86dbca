package oauth

// ReadList is what a page of a list of GitHub's API says.
func ReadList(text []byte) ([]map[string]any, error) { return objects(text) }

// ReadOrgRule is a rule of organisations, as org or org/team.
func ReadOrgRule(text string) (org, team string, ok bool) {
	r, ok := readOrgRule(text)
	return r.org, r.team, ok
}
