"""What is refused about the test that a builder ran before filing."""

from services.filing.errors.content import ContentRefused


class SelfTestMissing(ContentRefused):
    code = "self_test_missing"


class SelfTestForAnotherVersion(ContentRefused):
    code = "self_test_for_another_version"


class SelfTestNotPassed(ContentRefused):
    code = "self_test_not_passed"


class SelfTestOutdated(ContentRefused):
    code = "self_test_outdated"
