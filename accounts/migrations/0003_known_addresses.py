from django.db import migrations


def take_known_addresses_as_confirmed(apps, schema_editor):
    """Accounts from before addresses were confirmed keep working without a mail."""
    User = apps.get_model("accounts", "User")
    EmailAddress = apps.get_model("account", "EmailAddress")
    known = EmailAddress.objects.values("user_id")
    EmailAddress.objects.bulk_create(
        [
            EmailAddress(user_id=pk, email=email, verified=True, primary=True)
            for pk, email in User.objects.exclude(pk__in=known).values_list("pk", "email")
        ],
        batch_size=1_000,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_accounts_people_trust"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]
    operations = [
        migrations.RunPython(take_known_addresses_as_confirmed, migrations.RunPython.noop),
    ]
